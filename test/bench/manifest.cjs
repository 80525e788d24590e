/**
 * The floor under a pull that brings nothing: asks for a manifest with the client that tsrun uses, bundled as it is
 * there, and does nothing with the answer.
 *
 *     node test/bench/manifest.cjs URL
 */
"use strict";
const { default: fetch } = require("../../dist/vendor/node-fetch.cjs");

const [, , url] = process.argv;
const types = ["index.v1+json", "manifest.v1+json"].map((type) => `application/vnd.oci.image.${type}`);
fetch(url, { headers: { Accept: types.join(", ") } }).then(async (response) => {
  if (response.status !== 200) throw new Error(`${url}: ${response.status}`);
  await response.text();
});
