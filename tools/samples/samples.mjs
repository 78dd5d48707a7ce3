/** The page's longer samples by their files' names. All in them is invented here, and always the same. */
import { chart } from "./clinical.mjs";
import { report } from "./financial.mjs";
import { amendment, lease } from "./legal.mjs";
import { paper } from "./scientific.mjs";

export const samples = {
  "patient-chart.txt": chart(),
  "annual-report-2023.txt": report(2023),
  "annual-report-2024.txt": report(2024),
  "field-trial.txt": paper(),
  "warehouse-lease.txt": lease(),
  "warehouse-lease-amendment.txt": amendment(),
};

for (const [name, text] of Object.entries(samples)) samples[name] = `${text.trim()}\n`;
