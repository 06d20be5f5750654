// Draws /openapi.json with Swagger UI. Tokens that are typed in stay in this page's memory.
"use strict";

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
follow();
dark.addEventListener("change", follow);

// Where a pattern has no example, Swagger UI makes a text of line noise up; a plain one reads better.
function giveExamples(node) {
  if (node === null || typeof node !== "object") return;
  if (typeof node.pattern === "string" && node.example === undefined && !node.enum && !node.examples) {
    const prefix = /^\^([a-z]+_)\[/.exec(node.pattern);
    if (prefix) node.example = prefix[1] + "0192f0c4a1b27c3d8e4f5a6b7c8d9e0f";
    else if ((node.minLength ?? 0) <= 4 && (node.maxLength ?? 4) >= 4) node.example = "text";
  }
  Object.values(node).forEach(giveExamples);
}

async function draw() {
  const answer = await fetch("/openapi.json", { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`/openapi.json answered ${answer.status}`);
  const spec = await answer.json();
  giveExamples(spec.components.schemas);
  SwaggerUIBundle({
    spec,
    dom_id: "#operations",
    deepLinking: true,
    docExpansion: "none",
    defaultModelsExpandDepth: -1,
    displayRequestDuration: true,
    filter: true,
    persistAuthorization: false,
    validatorUrl: null,
  });
}

draw().catch((error) => {
  const said = document.createElement("p");
  said.setAttribute("role", "alert");
  said.textContent = `The document could not be shown: ${error.message}`;
  document.getElementById("operations").replaceChildren(said);
});
