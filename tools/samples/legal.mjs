/** A lease of a warehouse, and the amendment that changes some of its sections and leaves others. */

const LEASE = {
  "Premises": [
    "The landlord lets to the tenant the warehouse called Hall 7 on the Pellworth estate, of 84,200 square feet with six loading docks, and the yard between Hall 7 and the fence, as marked on the plan in Schedule A.",
    "The tenant may use the estate's roads together with the other tenants. The landlord may move a road if access by trucks of 60 feet stays possible at all times.",
    "Thirty-two parking spaces go with the premises. They may not be used for goods, for trailers without a tractor, or overnight for vehicles that are for sale.",
  ],
  "Term": [
    "The lease begins on 1 April 2022 and ends on 31 March 2032, without notice being needed.",
    "The tenant may extend the term once, by five years, by written notice that reaches the landlord no later than 31 March 2031. The rent of the extension is the market rent, but no less than the rent of the last year.",
    "If the tenant stays on after the end without a new agreement, it owes one and a half times the last rent for each month begun. This does not renew the lease.",
  ],
  "Rent": [
    "The rent is $46,300 a month, due in advance on the first working day. It is paid when it stands on the landlord's account.",
    "On each 1 April, for the first time in 2023, the rent changes by as many percent as the consumer price index changed over the calendar year before, but by no more than 3.5% and by no less than nothing.",
    "Rent that is late bears interest of 8% a year from the day it was due. After the second delay within twelve months the landlord may ask for payment a quarter in advance for the following year.",
    "The tenant may set off only what the landlord does not dispute or a court has found.",
  ],
  "Operating costs": [
    "The tenant bears 31.4% of the operating costs of the estate: guards, lighting and cleaning of roads, snow, sewers, insurance of the buildings, property tax, and the management of these at no more than 4% of their sum.",
    "Not among them are repairs of roof and frame, the landlord's financing and lawyers, and whatever the landlord gets back from others.",
    "The landlord sends an account by 30 June of the following year. The tenant may look at the receipts for sixty days; what it does not object to in that time stands.",
  ],
  "Deposit": [
    "The tenant gives a bank's guarantee for three months' rent, payable at first demand, before the keys are handed over.",
    "The guarantee goes back within ninety days of the end of the lease, less what is owed and what repairs will cost that the tenant should have made.",
  ],
  "Use": [
    "The premises are for the storage, picking and dispatch of dry goods, and for the offices that this takes, on no more than a tenth of the area.",
    "Goods that burn or poison are allowed only in the amounts and places that Schedule B lists, and only as long as the fire insurer agrees in writing.",
    "Work between 10 p.m. and 5 a.m. is allowed inside with closed doors. Trucks may be loaded in these hours at docks 1 and 2 only, which are turned away from the houses.",
    "The tenant keeps aisles, sprinklers and hydrants free, and stacks no higher than two feet below the sprinklers.",
  ],
  "Repairs": [
    "The landlord keeps roof, frame, outer walls, main lines and the sprinklers' pumps in repair. The tenant keeps up all else inside, doors, dock levelers, lamps and the floor's coating among it.",
    "The floor bears 5 tonnes per square meter. Racks are fixed so that the coating is not broken; every hole is filled when a rack is taken away.",
    "The tenant reports damage within two working days. If it does not, it bears what grew out of the delay.",
    "If the landlord does not begin an urgent repair within five working days of being told, the tenant may have it made and send the bill.",
  ],
  "Alterations": [
    "Alterations need the landlord's consent, which may not be refused without reason if the frame is not touched. Racks, cranes up to 2 tonnes and offices of light walls need none.",
    "What the tenant built in is taken out at the end, unless the landlord said in its consent that it may stay.",
  ],
  "Insurance": [
    "The landlord insures the buildings against fire, storm and water at their new value. The tenant insures its goods and its liability for at least $5 million a case.",
    "Both waive claims against each other as far as an insurer pays.",
  ],
  "Damage and destruction": [
    "If more than a third of the hall cannot be used because of damage that the tenant did not cause, the rent falls in proportion until it is repaired.",
    "If repair will take more than nine months, either side may end the lease within thirty days of the expert's report.",
  ],
  "Early termination": [
    "The tenant may end the lease early once, with effect on 31 March 2028, by written notice that reaches the landlord no later than 31 March 2027.",
    "For this the tenant pays six months' rent at the rate of the day of the notice, together with the notice. A notice without the payment has no effect.",
    "The right lapses if the tenant is more than thirty days late with any payment on the day of the notice.",
    "The landlord has no right to end the lease early but for cause.",
  ],
  "Termination for cause": [
    "The landlord may end the lease with thirty days' notice if the tenant owes two months' rent or more, uses the premises in a way that this lease forbids and does not stop within fourteen days of a warning, or passes them on without consent.",
    "The tenant may end it with sixty days' notice if the premises cannot be used for their purpose for more than four months for a reason that the landlord has to remove.",
  ],
  "Subletting and assignment": [
    "The tenant may sublet up to a quarter of the area to companies of its group, which it names to the landlord. All else needs consent.",
    "If the tenant sells its business, the buyer may take over the lease if its equity is no less than the tenant's was on the day of signing. The tenant then stays liable for two years.",
  ],
  "Access": [
    "The landlord may enter after two working days' notice, with someone from the tenant, and without notice where there is danger.",
    "In the last twelve months it may show the hall to those interested, twice a week.",
  ],
  "Environment": [
    "The soil was examined before the lease; the report is Schedule C. The tenant answers for what gets into the ground during the term, and not for what the report lists.",
    "Charging stations for trucks may be built at docks 3 to 6 if the supply allows it. The landlord gets no share of what is charged there.",
  ],
  "Notices": [
    "Notices are in writing and signed. They count when they reach the other side at the address on the first page. Electronic mail is enough only for reports of damage and for dates of visits.",
  ],
  "General": [
    "Changes of this lease need the signatures of both sides; so does giving up this form. If a part of it is void, the rest stands, and what comes closest to the void part in a lawful way takes its place.",
    "Where an amendment and this lease differ, the amendment governs. Sections that it does not name stay as they are.",
    "The courts at the place of the premises decide.",
  ],
};

/** Rules of the estate, which make up the bulk of many a lease. */
const RULES = ["Gate", "Roads", "Docks", "Forklifts", "Waste", "Snow", "Smoking", "Fire drills", "Visitors", "Cameras", "Noise", "Signs", "Water", "Electricity", "Pests", "Keys", "Contractors", "Drones"].map(
  (name, index) =>
    `B.${index + 1} ${name}. ${
      [
        "The gate is manned from 5 a.m. to 10 p.m. Outside these hours it opens with a card. Each card is personal; a card that was lost is reported the same day and replaced for $40.",
        "The limit is 10 miles an hour. Trucks wait in the lane on the left of the gate and nowhere else. Whoever blocks a road is towed after one call.",
        "A truck stands with its wheels chocked and its key in the box while it is loaded. Levelers are lowered when no truck stands there.",
        "Only those drive who hold a licence for the class. Batteries are charged in the marked bays, where there is water to wash eyes.",
        "Waste is parted into paper, film, wood, metal and rest. Each tenant keeps its bins behind its own hall. Nothing is burned.",
        "The estate clears roads by 6 a.m. Tenants clear docks and stairs. Salt is used only where sand is not enough.",
        "Smoking is allowed at the four shelters that the plan shows, and nowhere within 50 feet of a dock.",
        "There are two drills a year, one of them without warning. Each tenant names one warden for every forty people.",
        "Visitors wear a vest and are fetched from the gate. Groups of more than ten are announced a week ahead.",
        "Roads and fences are filmed. Films are kept for ten days, and looked at only after an incident, by two people together.",
        "Horns are for danger. Reversing alarms are switched to the quiet kind between 10 p.m. and 5 a.m.",
        "One sign of 40 square feet at the wall and one line on the board at the gate go with each hall. Lighted signs go dark at 11 p.m.",
        "Hydrants are not for washing. Leaks are reported at once, also those of other halls.",
        "No tenant draws more than 400 kW in any quarter of an hour without asking. The estate tells in January what was drawn in the year before.",
        "Baits are set by one company for the whole estate. Food is kept in closed boxes.",
        "Each tenant gets six keys. Copies are made by the estate only. Locks are not changed.",
        "Contractors sign in at the gate, work after a permit where there are sparks, and are the responsibility of whoever called them.",
        "Nothing flies over the estate without the consent of all tenants.",
      ][index]
    }`,
);

export function lease() {
  const sections = Object.entries(LEASE).map(
    ([title, clauses], index) => `Section ${index + 1}. ${title}\n${clauses.map((clause, at) => `${index + 1}.${at + 1} ${clause}`).join("\n")}`,
  );
  return `Lease of a warehouse
The parties, the place and the contract are invented. This is no model for a contract of yours.

between Pellworth Estates LLC, 1 Gate Road, Pellworth (the landlord) and Marlin & Dace Logistics Inc., Hall 7, Pellworth (the tenant), signed on 14 February 2022

${sections.join("\n\n")}

Schedule B. Rules of the estate
${RULES.join("\n")}`;
}

export function amendment() {
  return `First amendment to the lease of a warehouse
The parties, the place and the contract are invented.

between Pellworth Estates LLC (the landlord) and Marlin & Dace Logistics Inc. (the tenant), signed on 9 October 2024, to the lease of 14 February 2022 of Hall 7 on the Pellworth estate

Whereas the tenant wishes to use a further 12,600 square feet in Hall 8, and the landlord wishes to have the tenant for longer than the lease secures, the parties agree:

1. Hall 8. From 1 January 2025 the eastern bay of Hall 8, of 12,600 square feet with one loading dock, belongs to the premises. Section 6 of the lease applies to it, but no trucks may be loaded there between 10 p.m. and 5 a.m.

2. Rent. From 1 January 2025 the rent is $52,900 a month for both halls. Section 3.2 applies to it for the first time on 1 April 2026. The highest change in a year is 3.0% instead of 3.5%.

3. Operating costs. The tenant's share is 35.9% from 1 January 2025.

4. Early termination. In Section 11.1 of the lease, 31 March 2028 is replaced by 31 March 2029, and 31 March 2027 by 30 September 2027. In Section 11.2 six months' rent is replaced by nine months' rent. Sections 11.3 and 11.4 stay as they are. The right can be used for both halls together only.

5. Extension. Section 2.2 of the lease stays as it is and covers both halls.

6. Deposit. The guarantee is raised to three months of the new rent within thirty days of signing. Until then the landlord need not hand over the keys of Hall 8.

7. Works. The landlord puts in a fire door between the halls at its cost by 15 December 2024. For each week of delay the tenant owes one quarter less of a month's rent for Hall 8, which the parties put at $6,100 a month for this purpose.

8. Rest. All else in the lease stays as it is.`;
}
