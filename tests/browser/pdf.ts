/** PDF files, written out by hand. */

export interface PdfPage {
  /** Lines by how far they stand below the top, in points; without any the page is a picture. */
  lines: [y: number, text: string][];
}

/** A PDF with these pages; `locked` asks for a password. */
export function makePdf(pages: PdfPage[], { locked = false } = {}): Buffer {
  const kids = pages.map((_, index) => `${4 + 2 * index} 0 R`).join(" ");
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    `<< /Type /Pages /Kids [${kids}] /Count ${pages.length} >>`,
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ...pages.flatMap(({ lines }, index) => {
      const content = lines.length ? `BT /F1 12 Tf ${lines.map(shown).join(" ")} ET` : "q 500 0 0 700 50 50 cm BI /W 1 /H 1 /CS /G /BPC 8 ID \xff EI Q";
      return [
        `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> /Contents ${5 + 2 * index} 0 R >>`,
        `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
      ];
    }),
  ];
  let file = "%PDF-1.4\n%\xe2\xe3\xcf\xd3\n";
  const offsets = objects.map((object, index) => {
    const at = file.length;
    file += `${index + 1} 0 obj\n${object}\nendobj\n`;
    return at;
  });
  const table = ["0000000000 65535 f ", ...offsets.map((at) => `${String(at).padStart(10, "0")} 00000 n `)].join("\n");
  const id = "<00112233445566778899aabbccddeeff>";
  const secret = `<${"5a".repeat(32)}>`;
  const lock = locked ? ` /ID [${id} ${id}] /Encrypt << /Filter /Standard /V 1 /R 2 /O ${secret} /U ${secret} /P -4 >>` : "";
  file += `xref\n0 ${objects.length + 1}\n${table}\ntrailer\n<< /Size ${objects.length + 1} /Root 1 0 R${lock} >>\nstartxref\n${file.length}\n%%EOF\n`;
  return Buffer.from(file, "latin1");
}

const shown = ([y, text]: [number, string]): string => `1 0 0 1 72 ${792 - y} Tm (${text.replace(/[\\()]/g, "\\$&")}) Tj`;
