/** A patient's chart over four years: visits every other month, in which the kidneys' function slowly falls. */
import { dice } from "./dice.mjs";

const MONTHS = ["January", "March", "May", "July", "September", "November"];
const COMPLAINTS = [
  "She reports no new complaints and sleeps well.",
  "She mentions tired legs in the evening, more on the left, which ease when she lies down.",
  "She had a cold two weeks ago, which passed without medication.",
  "She reports two short episodes of dizziness on getting up, without a fall.",
  "She feels well and has taken up swimming twice a week.",
  "She complains of occasional heartburn after late meals.",
  "She asks about the tingling in her toes, which has neither grown nor lessened since the last visit.",
  "She reports that she forgot her evening tablets on about three days of the month.",
];
const FINDINGS = [
  "Heart sounds are regular and without murmur. The lungs are clear on both sides. There is no swelling of the ankles.",
  "The abdomen is soft and not tender. The liver cannot be felt below the rib. Bowel sounds are normal.",
  "Pulses are present at both feet. The monofilament is felt at eight of ten places on the right and at seven on the left.",
  "The skin is warm and dry. There is a trace of swelling at both ankles, which was not there at the last visit.",
  "The neck veins are not raised. Heart sounds are regular. Fine crackles at the left base clear after coughing.",
  "The back of the eye was looked at through a wide pupil: single small bleeds, no change from the year before.",
];
const ADVICE = [
  "We went through her diet diary. Salt is lower than last time; she still adds it at table on weekends.",
  "She was asked to measure her blood pressure at home, mornings and evenings for a week, and to bring the list.",
  "She was told again to avoid ibuprofen and similar painkillers, and to take paracetamol if she needs something.",
  "Vaccination against influenza was offered and given in the left upper arm; she tolerated it well.",
  "The foot care nurse saw her on the same day and trimmed two nails; there is no wound.",
  "She was reminded to drink enough on hot days and to call if she vomits or has diarrhea for more than a day.",
];

export function chart() {
  const { of, pick } = dice(41);
  const visits = [];
  for (let year = 2021; year <= 2024; year++) {
    for (const month of MONTHS) {
      const at = visits.length;
      // From 62 down to 39, with the noise of a laboratory.
      const filtration = Math.round(62 - at + of(-1, 1));
      const creatinine = (0.95 + at * 0.021 + of(-2, 2) / 100).toFixed(2);
      const hba1c = (7.4 - Math.sin(at / 4) * 0.3 + of(-1, 1) / 10).toFixed(1);
      visits.push(
        [
          `Visit of ${of(2, 27)} ${month} ${year}`,
          `Seen by ${at % 5 === 3 ? "Dr. Ilse Marbach, standing in for Dr. Ferro" : "Dr. Tomas Ferro"}. Visit number ${at + 1}.`,
          `History. ${pick(COMPLAINTS)} ${pick(COMPLAINTS)}`,
          `Examination. Blood pressure ${of(128, 149)}/${of(74, 90)} mmHg sitting, heart rate ${of(62, 82)} bpm, body weight ${(81.5 - at * 0.12 + of(-6, 6) / 10).toFixed(1)} kg. ${pick(FINDINGS)} ${pick(FINDINGS)}`,
          `Laboratory. HbA1c ${hba1c}%. Creatinine ${creatinine} mg/dL, eGFR ${filtration} mL/min/1.73 m2. Potassium ${(4.3 + at * 0.02 + of(-2, 2) / 10).toFixed(1)} mmol/L. Sodium ${of(137, 142)} mmol/L. LDL cholesterol ${of(78, 112)} mg/dL. Hemoglobin ${(13.4 - at * 0.05).toFixed(1)} g/dL. Albumin in the urine ${of(20, 30) + at * 4} mg/g creatinine.`,
          `Assessment and plan. ${EVENTS[`${month} ${year}`] ?? "Type 2 diabetes and high blood pressure, both stable on the present medication. No change."} ${pick(ADVICE)}`,
          `Next visit in two months, or earlier if anything changes.`,
        ].join("\n"),
      );
    }
  }
  return `Westhaven Family Practice
Patient chart. The patient, the practice and all values are invented.

Patient: Rosalind Akande
Record number: WH-20417
Date of birth: 9 February 1958
Known conditions: type 2 diabetes since 2009; high blood pressure since 2012; diabetic nerve damage of the feet since 2019
Allergies: penicillin (rash, 1986); contrast agents with iodine (hives, 2015)
Medication at the start of this chart: metformin 1000 mg twice a day, lisinopril 20 mg once a day, atorvastatin 20 mg at night

${visits.join("\n\n")}

Letter from the kidney clinic, filed with the visit of November 2024
Dear colleague, thank you for sending Mrs. Akande. Her kidney function has fallen by about six units a year for four years, which is faster than age alone explains. Ultrasound shows two kidneys of normal size without obstruction. Together with the protein in the urine and the changes at the back of the eye this is most likely diabetic kidney disease, stage 3b. We recommend to keep dapagliflozin, to leave metformin at the reduced dose and to stop it should the eGFR fall below 30, and to repeat potassium two weeks after any change of lisinopril. We will see her again in six months.
Kidney clinic, Westhaven General Hospital`;
}

/** What is not routine. */
const EVENTS = {
  "May 2021": "Blood pressure was above target at three visits in a row. Lisinopril is raised from 20 mg to 40 mg once a day.",
  "March 2022": "Albumin in the urine is raised for the second time within three months: early kidney damage from diabetes. She was told what this means.",
  "September 2022": "Dry cough for six weeks, most likely from lisinopril. Lisinopril is stopped and losartan 50 mg once a day is begun in its place.",
  "July 2023": "The eGFR was below 50 at two visits. Because of the falling kidney function metformin is halved, from 1000 mg twice a day to 500 mg twice a day.",
  "November 2023": "Dapagliflozin 10 mg once a day is begun, to protect the kidneys. She was told about infections of the urinary tract and what to do on sick days.",
  "May 2024": "LDL cholesterol is above the target for her risk. Atorvastatin is raised from 20 mg to 40 mg at night.",
  "September 2024": "The eGFR fell further. She is referred to the kidney clinic; blood count, iron and vitamin D are ordered.",
};
