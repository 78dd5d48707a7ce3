"use client";

import { useEffect } from "react";

export default function Page() {
  // In an effect, because the package needs a browser and pages are rendered on the server, too.
  useEffect(() => {
    import("minions-web").then((minions) => (window.minions = minions));
  }, []);
  return <main />;
}
