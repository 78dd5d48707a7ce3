/**
 * Documents and tasks to try, all invented or of this project. Fetched when they are chosen, but for the first.
 *
 * Their names and tasks are not among the page's strings: a task is content, in the language of the documents it is about.
 */
import record from "../samples/patient-record.txt?raw";
import type { Doc } from "./reading.js";
import { recording } from "./supervisors.js";

/** A task with the documents that it is about. */
export interface Sample {
  name: string;
  task: string;
  load(): Promise<readonly Doc[]>;
}

/** The sample that the page opens with, and that the recorded supervisor knows. */
export const RECORD: Doc = { name: "patient-record.txt", text: record };

/** Everything that was loaded from here. */
const loaded = new Set([RECORD.text]);

/** Whether a text is one of ours, so that it may make room for others. */
export const isSample = ({ text }: Doc): boolean => loaded.has(text);

type Text = () => Promise<{ default: string }>;

const documents = (texts: Record<string, Text>) => async (): Promise<readonly Doc[]> => {
  const docs = await Promise.all(Object.entries(texts).map(async ([name, text]) => ({ name, text: (await text()).default })));
  for (const { text } of docs) loaded.add(text);
  return docs;
};

export const SAMPLES: readonly Sample[] = [
  { name: "Clinic: one visit (recorded)", task: recording.task, load: async () => [RECORD] },
  {
    name: "Clinic: four years of visits",
    task: "How did the patient's kidney function (eGFR) develop from 2021 to 2024, and which medication was changed because of it, when and how?",
    load: documents({ "patient-chart.txt": () => import("../samples/patient-chart.txt?raw") }),
  },
  {
    name: "Finance: two annual reports",
    task: "How did the operating margin change from 2023 to 2024, and which reasons does management name, with their amounts?",
    load: documents({
      "annual-report-2023.txt": () => import("../samples/annual-report-2023.txt?raw"),
      "annual-report-2024.txt": () => import("../samples/annual-report-2024.txt?raw"),
    }),
  },
  {
    name: "Science: a field trial",
    task: "Which dose of biochar had the largest effect on height, how large was it, and why do the authors doubt that number?",
    load: documents({ "field-trial.txt": () => import("../samples/field-trial.txt?raw") }),
  },
  {
    name: "Law: a lease and its amendment",
    task: "On which date can the tenant end the lease early, by when must the notice arrive, and what does it cost? The amendment governs.",
    load: documents({
      "warehouse-lease.txt": () => import("../samples/warehouse-lease.txt?raw"),
      "warehouse-lease-amendment.txt": () => import("../samples/warehouse-lease-amendment.txt?raw"),
    }),
  },
  {
    name: "Code: three files of this project",
    task: "What is not compared when a citation is looked for in a chunk, and what keeps the search's time linear?",
    load: documents({
      "citation.rs": () => import("../../crates/minions-protocol/src/citation.rs?raw"),
      "chunk.rs": () => import("../../crates/minions-protocol/src/chunk.rs?raw"),
      "bm25.rs": () => import("../../crates/minions-protocol/src/bm25.rs?raw"),
    }),
  },
];

/** What was put in the place of other documents, or had its place taken; without a task, that stayed. */
export interface Aside {
  documents: readonly Doc[];
  task?: string;
}

/** Whether any of it is the user's own. */
export function isOwn({ documents, task = "" }: Aside): boolean {
  const isOurs = documents.every((document) => !document.text.trim() || isSample(document));
  return !isOurs || !(task.trim() === "" || SAMPLES.some((sample) => sample.task === task.trim()));
}
