// Reads one JSON array of requests on standard input, answers with one JSON array on standard output.
// A request is {decode: hex} or {encode: payload}; whole numbers beyond 2^53 travel as decimal text.
import { readFileSync } from "node:fs";
import sparkplug from "sparkplug-payload";

const codec = sparkplug.get("spBv1.0");

const plain = (value) => {
  if (value === null || typeof value !== "object") return value;
  if (typeof value.toNumber === "function") {
    const number = value.toNumber();
    return Number.isSafeInteger(number) ? number : value.toString();
  }
  if (Buffer.isBuffer(value) || value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]));
};

const answer = (request) => {
  try {
    if ("decode" in request) return plain(codec.decodePayload(Buffer.from(request.decode, "hex")));
    return Buffer.from(codec.encodePayload(request.encode)).toString("hex");
  } catch (error) {
    return { error: String(error) };
  }
};

process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(answer)));
