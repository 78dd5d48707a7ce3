"""Word lists and value makers for the generated documents.

The lists are short on purpose: with a few hundred whole-word tokens the model meets each
of them often.  Made-up words (:func:`made_up`) keep it able to copy what it has not met.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Attribute:
    name: str
    kind: str


def attributes(text: str) -> list[Attribute]:
    """Parse lines of ``kind: name, name, ...``."""
    out = []
    for line in text.strip().splitlines():
        kind, names = line.split(":")
        out += [Attribute(name.strip(), kind.strip()) for name in names.split(",")]
    return out


MONTHS = "January February March April May June July August September October November December".split()
FIRST_NAMES = (
    "John Mary Alice Robert Linda James Sarah David Laura Peter Anna Mark Julia Tom Emma Paul Nina Karl Olga Ivan Rosa "
    "Luis Maria Chen Wei Aisha Omar Yuki Hana Ravi Priya Lars Ingrid Marco Elena Samuel Ruth Victor Clara Hugo"
).split()
LAST_NAMES = (
    "Smith Miller Brown Jones Garcia Kim Nguyen Weber Rossi Patel Novak Silva Larsen Meyer Cohen Walker Young Hill Stone "
    "Price Wood Fisher Grant Lopez Ward Reed Bell Cole Fox Hunt"
).split()
COMPANY_STEMS = (
    "Alpine Beacon Cedar Delta Ember Falcon Granite Harbor Ivory Juniper Keystone Lantern Meadow Northern Orchid Pioneer "
    "Quartz River Summit Timber Union Vertex Willow Zenith"
).split()
COMPANY_ENDS = "Inc. Corp Ltd Group Systems Partners Labs Holdings Industries Bank Mutual".split()
CITIES = (
    "Ashford Brookdale Clearwater Dunmore Eastport Fairview Greenville Hillcrest Kingsley Lakewood Milton Newbury Oakland "
    "Portland Riverton Salem Stratton Trenton Westfield Woodside"
).split()
DRUGS = "Avelor Bextran Corvadil Dulomax Entrazol Fenacor Glimbeta Hexaril Irbenol Lorvast Metrovan Nexipril Olmacet Pravidon Rosutin Zeltrex".split()
ALLERGENS = "penicillin latex peanuts pollen aspirin iodine shellfish eggs nickel dust".split()
ILLNESSES = "hypertension asthma diabetes anemia migraine arthritis bronchitis gastritis pneumonia gout eczema insomnia".split()
DIETS = ["low salt", "low fat", "high fiber", "low sugar", "vegetarian", "soft food", "high protein"]
OCCUPATIONS = "teacher driver nurse engineer farmer baker carpenter accountant librarian electrician gardener clerk".split()
STATUSES = ["pending", "paid", "approved", "complete", "open", "closed", "under review", "former smoker", "non-smoker", "active", "up to date", "delayed"]
COLORS = "red blue green white black gray yellow brown silver orange".split()
MATERIALS = "steel copper oak glass concrete aluminum plastic cotton marble titanium".split()
DOSES = ["one tablet", "two tablets", "half a tablet", "one capsule", "two drops", "one spoon"]
DOSE_TIMES = ["in the morning", "at night", "twice a day", "with meals", "every eight hours", "once a day", "before bed"]

ONSETS = "b c d f g h j k l m n p r s t v w z br cl dr fl gr kr pl pr sh st th tr".split()
VOWELS = "a e i o u ai ea ee oo ar er or an en in on".split()
CODAS = ["", "", "n", "r", "s", "l", "m", "t", "x", "ck", "nd", "rt", "ll", "ss"]


def made_up(rng: random.Random) -> str:
    """A word that most likely is in no list."""
    return "".join(rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS) for _ in range(rng.randint(2, 3)))


def person(rng: random.Random) -> str:
    first = rng.choice(FIRST_NAMES) if rng.random() < 0.93 else made_up(rng).capitalize()
    last = rng.choice(LAST_NAMES) if rng.random() < 0.8 else made_up(rng).capitalize()
    return f"{first} {last}"


def company(rng: random.Random) -> str:
    stem = rng.choice(COMPANY_STEMS) if rng.random() < 0.8 else made_up(rng).capitalize()
    return f"{stem} {rng.choice(COMPANY_ENDS)}"


def city(rng: random.Random) -> str:
    return rng.choice(CITIES) if rng.random() < 0.85 else made_up(rng).capitalize()


def date(rng: random.Random) -> str:
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1940, 2029)
    return rng.choice(
        [
            f"{day} {MONTHS[month - 1]} {year}",
            f"{MONTHS[month - 1]} {day}, {year}",
            f"{MONTHS[month - 1]} {day}, {year}",
            f"{month:02d}/{day:02d}/{year}",
            f"{year}-{month:02d}-{day:02d}",
        ]
    )


def whole(rng: random.Random, low: int, high: int) -> str:
    number = rng.randint(low, high)
    return f"{number:,}" if number > 999 and rng.random() < 0.7 else str(number)


def money(rng: random.Random) -> str:
    sign = rng.choice(["$", "$", "$", "EUR ", "USD "])
    big = rng.choice(["million", "million", "billion"])
    return sign + rng.choice([f"{rng.randint(1, 999)} {big}", f"{rng.randint(10, 999) / 10} {big}", whole(rng, 1000, 990000)])


def value(rng: random.Random, kind: str) -> str:
    """A value of the kind, as text."""
    return MAKERS[kind](rng)


MAKERS = {
    "bp": lambda r: f"{r.randint(90, 190)}/{r.randint(55, 115)} mmHg",
    "bpm": lambda r: f"{r.randint(48, 130)} bpm",
    "mgdl": lambda r: f"{r.randint(35, 320)} mg/dL",
    "smallmgdl": lambda r: f"{r.randint(4, 99) / 10} mg/dL",
    "gdl": lambda r: f"{r.randint(80, 180) / 10} g/dL",
    "mmol": lambda r: f"{r.randint(20, 150) / 10} mmol/L",
    "ngml": lambda r: f"{r.randint(10, 400)} ng/mL",
    "breaths": lambda r: f"{r.randint(10, 30)} breaths per minute",
    "celsius": lambda r: f"{r.randint(355, 410) / 10} C",
    "kg": lambda r: f"{r.randint(40, 140)} {r.choice(['kg', 'kg', 'pounds'])}",
    "cm": lambda r: f"{r.randint(60, 205)} cm",
    "plain": lambda r: f"{r.randint(150, 450) / 10}",
    "score": lambda r: f"{r.randint(0, 10)} of 10",
    "cells": lambda r: f"{r.randint(30, 150) / 10} x10^9/L",
    "platelets": lambda r: f"{r.randint(90, 450)},000 per microliter",
    "percent": lambda r: f"{r.choice([r.randint(1, 99), r.randint(10, 999) / 10])}{r.choice(['%', '%', ' percent'])}",
    "temperature": lambda r: f"{r.randint(-40, 900)} {r.choice(['C', 'F', 'degrees', 'K'])}",
    "nm": lambda r: f"{r.randint(200, 1600)} nm",
    "km": lambda r: f"{r.randint(1, 900)} {r.choice(['km', 'm', 'miles'])}",
    "liters": lambda r: f"{r.randint(1, 900)} liters",
    "volts": lambda r: f"{r.randint(1, 900)} {r.choice(['V', 'kW', 'A', 'Hz'])}",
    "span": lambda r: f"{r.randint(2, 200)} {r.choice(['hours', 'minutes', 'years'])}",
    "days": lambda r: f"{r.randint(1, 180)} days",
    "months": lambda r: f"{r.randint(2, 60)} months",
    "count": lambda r: whole(r, 2, 90000),
    "decimal": lambda r: r.choice([f"0.{r.randint(1, 999):03d}", f"{r.randint(1, 9)}e-{r.randint(2, 6)}"]),
    "money": money,
    "price": lambda r: r.choice([f"${r.randint(1, 999)}.{r.randint(0, 99):02d}", f"${whole(r, 100, 9999)}"]),
    "date": date,
    "person": person,
    "doctor": lambda r: f"Dr. {person(r)}",
    "company": company,
    "city": city,
    "code": lambda r: f"{''.join(r.choice('ABCDEFGHJKLMNPRSTUVWXYZ') for _ in range(r.randint(1, 3)))}-{r.randint(10, 99999)}",
    "number": lambda r: str(r.randint(1, 99999)),
    "phone": lambda r: f"555-{r.randint(0, 9999):04d}",
    "room": lambda r: f"{r.choice(['Room', 'Room', 'Ward', 'Building', 'Office'])} {r.randint(1, 60)}",
    "drug": lambda r: (r.choice(DRUGS) if r.random() < 0.6 else made_up(r).capitalize())
    + r.choice(["", f" {r.randint(1, 80) * 5} mg", f" {r.randint(1, 80) * 5} mg"]),
    "allergen": lambda r: r.choice(ALLERGENS),
    "illness": lambda r: r.choice(["", "mild ", "severe ", "chronic ", "acute "]) + r.choice(ILLNESSES),
    "diet": lambda r: r.choice(DIETS),
    "occupation": lambda r: r.choice(["", "", "retired ", "school ", "bus ", "senior "]) + r.choice(OCCUPATIONS),
    "status": lambda r: r.choice(STATUSES),
    "color": lambda r: r.choice(["", "dark ", "light "]) + r.choice(COLORS),
    "material": lambda r: r.choice(MATERIALS),
    "dose": lambda r: f"{r.choice(DOSES)} {r.choice(DOSE_TIMES)}",
    "bloodtype": lambda r: r.choice(["A", "B", "AB", "0"]) + r.choice([" positive", " negative"]),
    "project": lambda r: made_up(r).capitalize() + r.choice(["", f"-{r.randint(1, 99)}", "Bench", "Net"]),
}

_MEASURES = (
    "bp bpm mgdl smallmgdl gdl mmol ngml breaths celsius kg cm plain score cells platelets percent temperature nm km "
    "liters volts span days months count decimal"
).split()
_NAMES = "person doctor company city code number phone room drug allergen illness diet occupation status color material dose bloodtype project".split()
KIND_CLASS = {
    **dict.fromkeys(_MEASURES, "measure"),
    **dict.fromkeys(["money", "price"], "money"),
    "date": "date",
    **dict.fromkeys(_NAMES, "name"),
}
ANY_KINDS = "date person company money price percent count code days months city room kg km temperature status color volts span number".split()

ADJECTIVES = (
    "primary secondary initial final annual monthly weekly daily total net average maximum minimum current previous next "
    "projected estimated adjusted approved temporary internal external domestic foreign local regional national public "
    "private preferred backup emergency standard special regular critical optional upper lower left right front rear "
    "central northern southern eastern western new original revised latest first second third early late serial general"
).split()
NOUNS = (
    "pressure rate level count index ratio score balance margin volume capacity length width depth temperature frequency "
    "duration limit threshold target budget cost price fee tax income loss salary bonus loan deposit premium discount "
    "allowance dose treatment test scan sample result report plan project phase deadline meeting session address site "
    "office branch warehouse plant laboratory room vehicle engine battery sensor pump valve filter panel module server "
    "cable version password account contact manager director owner editor inspector engineer technician supplier client "
    "partner sponsor chairman secretary team department region district route platform permit license contract color size "
    "grade title voltage power output weight speed distance shipment invoice order warranty"
).split()

FILLER_NOUNS = "file letter summary chart form note folder memo table drawing list plan brochure survey photo map poster manual".split()
FILLERS = [
    "No further action was required.",
    "Nothing unusual was seen.",
    "The {n} was sent to {c}.",
    "{o} will review the {n} later.",
    "The {n} and the {k} are described below.",
    "{s} spoke with {o} about the {n}.",
    "This section covers the {n}.",
    "The {n} is unchanged.",
    "All copies of the {n} are kept in {c}.",
    "Please contact {o} with questions.",
    "See the attached {n} for details.",
    "The other values were normal.",
    "{o} signed the {n}.",
    "A new {n} may follow.",
    "The team discussed the {n} with {o}.",
    "Everything else was in order.",
    "The {n} was read aloud and accepted.",
    "{he} thanked {o} for the help.",
    "A copy was sent to {o}.",
    "The {n} was printed twice.",
    "There were no open questions.",
    "The work began in {m} and went well.",
]

PEOPLE_ROLES = {"patient", "tenant", "employee", "borrower", "client", "resident"}

DOMAINS: dict[str, dict] = {
    "medical": dict(
        weight=0.42,
        roles=["patient"],
        attributes=attributes("""
bp: blood pressure, resting blood pressure
bpm: heart rate, pulse
mgdl: LDL cholesterol, LDL cholesterol, HDL cholesterol, total cholesterol, fasting glucose, random glucose, triglyceride level
smallmgdl: creatinine, uric acid, calcium, bilirubin
gdl: hemoglobin, albumin
mmol: potassium, sodium, urea
ngml: ferritin, vitamin D
breaths: respiratory rate
celsius: body temperature
kg: body weight
cm: height, waist size
plain: body mass index
score: pain score
cells: white blood cell count
platelets: platelet count
percent: oxygen saturation, hemoglobin A1c, ejection fraction
date: date of birth, admission date, discharge date, visit date, follow-up appointment, next appointment, surgery date
doctor: attending physician, referring physician, surgeon, family doctor
person: patient name, emergency contact, nurse on duty
illness: primary diagnosis, previous diagnosis, secondary diagnosis, family history
allergen: known allergy
drug: prescribed medication, previous medication, pain medication, contrast agent
dose: daily dose, starting dose
diet: recommended diet
occupation: occupation
status: smoking status, vaccination status, payment status
bloodtype: blood type
room: room number, follow-up location
code: record number, lab reference
number: invoice number, policy number
phone: phone number
company: insurance provider, pharmacy
price: consultation fee, copayment
span: exercise goal, hours of sleep
"""),
        titles=["Patient record", "Medical report", "Discharge summary", "Clinic note", "Visit summary", "Health record"],
        headings=[
            "Administrative data", "Vital signs", "Laboratory results", "Medication", "Medical history", "Plan", "Billing",
            "Reason for visit", "Physical examination", "Assessment", "Appointments", "Social history", "Notes",
        ],
        fillers=[
            "The {r} came to the clinic for a yearly checkup.",
            "{he} reported occasional discomfort during physical activity.",
            "The doctor talked with the {r} about exercise.",
            "The nurse repeated the reading after a short rest.",
            "The samples were sent to the laboratory in {c}.",
            "{he} was told to drink enough water.",
            "The {r} felt well and walked without help.",
            "No other illness was reported.",
            "{he} slept well and had no fever.",
            "The other results were normal.",
            "{he} was treated in {c} as a child.",
            "The {r} was told to come back if needed.",
            "The examination took place in the morning.",
            "{he} lives in {c} with {his} family.",
        ],
    ),
    "finance": dict(
        weight=0.2,
        roles=["company", "firm"],
        attributes=attributes("""
money: total revenue, net income, operating income, operating expenses, cost of sales, free cash flow, long-term debt, capital expenditure, research spending, interest expense, inventory value, projected revenue
percent: gross margin, operating margin, tax rate, market share, growth rate
price: dividend per share, earnings per share, share price
count: number of employees, number of stores, number of customers
person: chief executive officer, chief financial officer, chairman
city: headquarters, main warehouse
date: fiscal year end, reporting date, founding date
company: auditor, main supplier, largest customer
code: stock symbol, report number
"""),
        titles=["Annual report", "Quarterly summary", "Financial statement", "Company profile", "Report to shareholders"],
        headings=["Results", "Overview", "Outlook", "Balance sheet", "Management", "Risks", "Operations", "Shareholders", "Summary"],
        fillers=[
            "The board met twice in this quarter.",
            "The {r} opened a new office in {c}.",
            "Demand was stable in most regions.",
            "The staff in {c} did good work.",
            "The market changed little in {m}.",
            "Management expects a quiet year.",
            "The {r} sold its old building in {c}.",
            "The accounts were checked in {m}.",
        ],
    ),
    "contract": dict(
        weight=0.16,
        roles=["tenant", "borrower", "client"],
        attributes=attributes("""
city: governing law, place of signing, property location
days: notice period, payment term, grace period
date: effective date, end date, signing date, inspection date
money: termination fee, liability cap, purchase price
price: monthly rent, security deposit, late fee, parking fee, cleaning fee
company: landlord, insurer, property manager
person: guarantor, contact person, witness
months: renewal term, lease term, warranty period
code: contract number, unit number
percent: interest rate, annual increase
status: contract status
"""),
        titles=["Lease agreement", "Service contract", "Loan agreement", "Summary of terms", "Contract data"],
        headings=["Parties", "Terms", "Payment", "Termination", "General provisions", "Property", "Insurance", "Signatures"],
        fillers=[
            "The keys were handed over in the morning.",
            "Changes must be made in writing.",
            "Both sides read the {n} and agreed.",
            "The building in {c} is quiet.",
            "Pets need a written permission.",
            "The {r} moved from {c}.",
            "Nothing else was agreed.",
            "The {n} was signed in {m}.",
        ],
    ),
    "science": dict(
        weight=0.12,
        roles=["study", "group"],
        attributes=attributes("""
count: sample size, batch size, number of layers, number of sites
decimal: learning rate, error rate, p value
percent: accuracy, response rate, recall
project: dataset, baseline model, code name
temperature: boiling point, melting point, storage temperature
nm: wavelength, layer thickness
span: half-life, training time, run time
person: lead author, principal investigator
company: funding agency, equipment maker
date: start date, submission date
city: study site
liters: tank volume
"""),
        titles=["Study report", "Experiment notes", "Project abstract", "Laboratory protocol"],
        headings=["Methods", "Results", "Data", "Setup", "Discussion", "Materials", "Conclusion", "Authors"],
        fillers=[
            "The samples were kept in the dark.",
            "The {n} was written in {m}.",
            "Each test was repeated three times.",
            "The results agree with earlier work.",
            "The group met in {c} in {m}.",
            "Errors were small in all runs.",
            "The method is described in the {n}.",
            "Further tests are planned.",
        ],
    ),
    "technical": dict(
        weight=0.1,
        roles=["machine", "site", "vehicle"],
        attributes=attributes("""
volts: supply voltage, rated power, battery output
liters: tank capacity, oil volume
km: range, track length
kg: total weight, maximum load
temperature: operating temperature, surface temperature
percent: efficiency, battery charge
date: last inspection, next service, delivery date
person: operator, site manager, inspector
company: manufacturer, supplier
code: serial number, model number, spare part number
material: housing material
color: housing color
city: location, assembly plant
status: machine status, permit status
span: service interval, running time
price: repair cost, service fee
"""),
        titles=["Inspection report", "Data sheet", "Maintenance log", "Site report"],
        headings=["Specifications", "Inspection", "Maintenance", "Power", "Safety", "Delivery", "Remarks", "Contacts"],
        fillers=[
            "The {r} was cleaned in {m}.",
            "The cover was opened and closed again.",
            "Noise was low during the test.",
            "{o} checked all screws.",
            "The {r} was moved to {c}.",
            "The doors were locked at night.",
            "Two lamps were replaced.",
            "The floor was dry and clean.",
        ],
    ),
}  # fmt: skip
