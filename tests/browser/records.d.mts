export interface PatientRecord {
  number: number;
  name: string;
  /** Values by attribute. */
  facts: Record<string, string>;
}
export function makeRecords(count: number, seed: number): { records: PatientRecord[]; document: string };
