// Express as one would write it: items in memory, told as JSON, with its own weak ETag. `express.js PORT FILE`
const express = require("express");
const { readFileSync } = require("fs");

const items = JSON.parse(readFileSync(process.argv[3], "utf8"));
const app = express();
app.get("/items", (request, response) => response.json(items));
app.listen(Number(process.argv[2]), "127.0.0.1");
