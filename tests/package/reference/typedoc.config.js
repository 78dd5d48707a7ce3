// The reference of what users get: of the declarations in the package.
export default {
  entryPoints: ["node_modules/minions-web/index.d.ts"],
  out: "out",
  // Whatever is installed would otherwise pass for somebody else's.
  externalPattern: [],
  validation: { notExported: true, invalidLink: true, notDocumented: true },
  treatWarningsAsErrors: true,
  treatValidationWarningsAsErrors: true,
  intentionallyNotDocumented: [
    // These say which member of a union it is, and the member's comment says what it is for.
    "RunEvent.__type.type",
    "ResponseFormat.__type.type",
    ...["phase", "file", "loaded", "total", "contextLength", "cacheTokens", "elapsedMs"].map((name) => `Progress.__type.${name}`),
    // A range from `start` to before `end`: the property that has it says of what.
    ...["JobManifest", "Evidence"].flatMap((name) => [`${name}.range.__type.start`, `${name}.range.__type.end`]),
  ],
};
