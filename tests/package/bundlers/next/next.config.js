/** A static site, for any host. */
export default { output: "export", distDir: "dist" };
