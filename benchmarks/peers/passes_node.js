// A contestant: passkit-generator, as its documentation uses it. Arguments: folder of the material, how many.
const fs = require("fs");
const path = require("path");
const { PKPass } = require("passkit-generator");

const [folder, count] = process.argv.slice(2);
const WARM_UP = 5;
const read = (name) => fs.readFileSync(path.join(folder, name));
const pictures = Object.fromEntries(
  fs.readdirSync(folder).filter((name) => name.endsWith(".png")).map((name) => [name, read(name)]),
);
const document = read("pass.json");
const certificates = {
  signerCert: read("certificate.pem"), signerKey: read("key.pem"), wwdr: read("intermediate.pem"),
};

function make(number) {
  const serialNumber = number.toString(16).padStart(32, "0");
  return new PKPass({ "pass.json": document, ...pictures }, certificates, { serialNumber }).getAsBuffer();
}

for (let number = 0; number < WARM_UP; number++) make(number);
const began = process.hrtime.bigint(), used = process.cpuUsage();
let made;
for (let number = 0; number < Number(count); number++) made = make(number);
const elapsed = Number(process.hrtime.bigint() - began) / 1e9, cpu = process.cpuUsage(used);
fs.writeFileSync(path.join(folder, "node.pkpass"), made);
console.log(JSON.stringify({ elapsed, cpu: (cpu.user + cpu.system) / 1e6, made: Number(count) }));
