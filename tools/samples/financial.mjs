/** The annual reports of an invented maker of pumps, for two years: sales grow, and what is earned of them shrinks. */
import { dice } from "./dice.mjs";

const YEARS = {
  2023: { sales: 412.6, cost: 247.1, research: 28.4, selling: 74.3, tax: 13.6, interest: 4.1, staff: 1840, orders: 188.2 },
  2024: { sales: 451.3, cost: 288.4, research: 33.9, selling: 79.8, tax: 10.4, interest: 5.9, staff: 1955, orders: 171.5 },
};
const SEGMENTS = [["Water utilities", 0.46, 0.44], ["Food and beverage", 0.31, 0.35], ["Service and spare parts", 0.23, 0.21]];
const REGIONS = [["Northern Europe", 0.38, 0.36], ["Southern Europe", 0.21, 0.2], ["North America", 0.27, 0.31], ["Rest of the world", 0.14, 0.13]];
const SITES = ["Aldermoor", "Castelbrook", "Fenwick Quay", "Haldersund", "Port Lorne", "Ravenscourt", "Tolbridge", "Ulverdale", "Westermark", "Yarrowby"];

const million = (value) => `$${value.toFixed(1)} million`;

export function report(year) {
  const { of, pick } = dice(year);
  const now = YEARS[year];
  const income = ({ sales, cost, research, selling }) => sales - cost - research - selling;
  const margin = (of) => `${((100 * income(of)) / of.sales).toFixed(1)}%`;
  const is2024 = year === 2024;
  const share = (row) => row[is2024 ? 2 : 1];
  const lines = (rows) => rows.map((row) => `${row[0]}: ${million(now.sales * share(row))}, ${(share(row) * 100).toFixed(0)}% of sales`).join("\n");
  const sites = SITES.map((site) => {
    const [pumps, hours] = [of(9, 64) * 100, of(2, 19) / 10];
    return `${site}. The site employs ${of(90, 260)} people on ${of(11, 38) * 1000} square feet. It delivered ${pumps.toLocaleString("en")} pumps in ${year} and used ${of(60, 94)}% of its capacity. ${hours} hours were lost to accidents for every thousand worked. ${pick(WORKS)} ${pick(WORKS)} The lease of the site ends in ${year + of(3, 14)}; ${pick(["it can be extended twice by five years", "the building is owned by a pension fund", "talks on its extension have begun"])}.`;
  });
  return `Brackwater Pumps Incorporated
Annual report ${year}. The company and all its figures are invented.

Letter to the shareholders
${is2024 ? LETTER_2024 : LETTER_2023}

The year in figures
Net sales: ${million(now.sales)}
Cost of sales: ${million(now.cost)}
Gross profit: ${million(now.sales - now.cost)}
Research and development: ${million(now.research)}
Selling, general and administrative expenses: ${million(now.selling)}
Operating income: ${million(income(now))}
Operating margin: ${margin(now)} of net sales
Interest expense: ${million(now.interest)}
Income taxes: ${million(now.tax)}
Net income: ${million(income(now) - now.interest - now.tax)}
Orders on hand at the end of the year: ${million(now.orders)}
Employees at the end of the year: ${now.staff.toLocaleString("en")}

Net sales by segment
${lines(SEGMENTS)}

Net sales by region
${lines(REGIONS)}

Management's discussion
${is2024 ? DISCUSSION_2024 : DISCUSSION_2023}

Our sites
${sites.join("\n\n")}

Risks
${RISKS.join("\n\n")}

Notes to the accounts
${NOTES.map((note, index) => `${index + 1}. ${note}`).join("\n\n")}

Inventories at the end of ${year} were ${million(is2024 ? 96.8 : 83.5)}: raw material ${million(is2024 ? 41.2 : 33.9)}, work in progress ${million(is2024 ? 22.7 : 21.1)}, finished pumps ${million(is2024 ? 32.9 : 28.5)}. Trade receivables were ${million(is2024 ? 78.1 : 66.4)}, of which ${is2024 ? "9.2%" : "6.7%"} were overdue by more than sixty days. Borrowings were ${million(is2024 ? 104 : 81.5)}; the covenants require them to stay below three times operating income before depreciation, and they did. Depreciation was ${million(is2024 ? 19.6 : 17.8)}, capital expenditure ${million(is2024 ? 31.2 : 22.4)}.

The board proposes a dividend of ${is2024 ? "$0.84" : "$0.92"} a share.`;
}

const WORKS = [
  "A second test stand was taken into service in spring.",
  "The paint shop was moved into a hall of its own, which shortened the way of a pump through the works by two days.",
  "Electricity comes from the roof for about a fifth of the year's hours.",
  "The works council and management agreed on a new pattern of shifts.",
  "An audit of the quality system found two minor points, both closed within the quarter.",
  "Twelve apprentices finished their training and all were offered a position.",
  "A flood in autumn stopped production for four days; the damage was insured.",
  "The machining of impellers was brought back from a supplier.",
];
const LETTER_2023 = `Dear shareholders, 2023 was a quiet year in the best sense. Orders came evenly over the quarters, deliveries were on time for 94 of 100 pumps, and prices for castings fell back after two years of rises. We used the calm to finish the new test hall in Tolbridge and to begin the move of our accounts to one system. Our people did this beside their daily work, and we thank them for it.

We told you a year ago that we would hold our operating margin above 15%. We did. We also told you that we would publish a plan for the series of dry-running pumps by the end of the year. That plan is late: the seal supplier could not show the service life that we want to promise. We would rather be late than wrong.`;
const LETTER_2024 = `Dear shareholders, in 2024 we sold more pumps than ever before, and earned less on them. Both belong in the first sentence of this letter. Sales grew by more than nine percent, most of it in North America. The operating margin fell, and we want to say plainly why and what we do about it.

Castings became dearer by a fifth within the first half of the year, after one of our two foundries closed. Contracts with water utilities run for eighteen months at fixed prices, so that we could not pass this on. From January 2025 every new contract has a clause that follows the price of iron. We also chose to spend more on the dry-running series, whose first forty pumps are with customers now. That choice costs margin today; we stand by it.`;
const DISCUSSION_2023 = `Sales rose by 3.8% over the year before, of which prices made 2.9 points and volumes 0.9. Gross profit improved because castings, copper and freight were cheaper than in 2022 while our price lists stayed in force. Research and development were kept at the level of the year before. Selling expenses rose with wages, which were raised by 4% in April under the agreement with the unions.

Orders on hand at the end of the year cover more than five months of production. We expect sales to grow faster in 2024 than in 2023 and the operating margin to stay between 14% and 16%.`;
const DISCUSSION_2024 = `Sales rose by 9.4%. Volumes made 7.1 points of this, prices 1.8, and currencies 0.5. North America grew by a quarter after the city of Dunmore took our offer for its pumping stations.

The operating margin fell for three reasons. First, the price of castings: it cost us $14.8 million more than in 2023, which we could not pass on under contracts at fixed prices. Second, the dry-running series, whose development took $5.5 million more than the year before. Third, the start of the night shift in Ravenscourt, which brought overtime and scrap of $2.6 million until the new crew was trained. In the other direction, a better mix in food and beverage added about $3 million.

Orders on hand are lower than a year ago because utilities in Southern Europe put off their tenders after the elections. We expect sales to grow by 2% to 4% in 2025 and the operating margin to recover to between 12% and 13%, as old contracts run out. We do not expect to return to the margin of 2023 before 2026.`;
const RISKS = [
  "Raw material. Castings, copper and electronics make up more than half of our cost of sales. We buy castings from few foundries, and a change of foundry takes nine months, since each pattern has to be approved by the customer. A rise of casting prices by 10% that cannot be passed on lowers operating income by about $7 million a year.",
  "Customers. The ten largest customers stand for about 37% of sales. Most of them are public utilities, which pay late but pay. A change of public budgets can put off tenders by a year or more, and we carry the cost of idle capacity for that time.",
  "Currencies. We sell in dollars, euros and kroner and produce mainly in the last two. We hedge three quarters of the net exposure of the next twelve months by forward contracts and none beyond.",
  "Technology. Drives with magnetic bearings may replace seals in part of our market within ten years. The dry-running series is our answer to that; it may fail in the field, and a recall of the series would cost between $6 million and $11 million.",
  "Law. A competitor claims that the shape of our impeller R7 infringes a patent of his. Our counsel considers the claim unfounded. No provision was made. The first hearing is set for the second quarter of next year.",
  "Information security. In the past two years we were the target of several attempts at extortion, none of which reached production systems. We keep copies of all drawings on media without a network.",
];
const NOTES = [
  "Principles. The accounts follow the generally accepted principles of our country of incorporation. All companies in which we hold more than half of the votes are consolidated. Transactions among them are left out.",
  "Revenue. Sales are recognized when a pump leaves our works, unless the contract says that the customer takes it over on site; then at the record of acceptance. Service contracts are recognized evenly over their term.",
  "Inventories. They are valued at the lower of cost and what they can be sold for. Parts that did not move for two years are written off by half, and after four years in full.",
  "Research. Cost of research is an expense of the year. Cost of development is capitalized only once a product has passed its field test, which was the case for none in this year.",
  "Pensions. The plans are of defined contribution, but for 64 former employees of Haldersund, whose pensions are insured. The obligation is small and fully covered.",
  "Leases. The right to use leased halls and machines stands among fixed assets and is depreciated over the term. Extensions count where we are reasonably sure to use them.",
  "Warranty. We set aside 1.1% of sales for warranty, after the mean of the last five years. Claims for known faults are set aside one by one.",
  "Events after the end of the year. Nothing happened between the end of the year and the day of this report that would change the picture it gives.",
];
