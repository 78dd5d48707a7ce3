// Writes the page's longer samples into www/samples: node tools/samples/make.mjs
import { writeFileSync } from "node:fs";
import { samples } from "./samples.mjs";

for (const [name, text] of Object.entries(samples)) writeFileSync(new URL(`../../www/samples/${name}`, import.meta.url), text);
