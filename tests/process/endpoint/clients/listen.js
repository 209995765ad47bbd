// The official client of Socket.IO as a user would write it: it comes back by itself, and joins with what it has.
// usage: node listen.js URL COLLECTION [SINCE]; prints each event as a line of JSON: [name, body].
const { io } = require("socket.io-client");

const [url, collection, since] = process.argv.slice(2);
let version = since === undefined ? undefined : Number(since);
const tell = (name, body) => process.stdout.write(JSON.stringify([name, body]) + "\n");
const socket = io(url, { transports: ["websocket"], reconnectionDelay: 50, reconnectionDelayMax: 200 });

socket.on("connect", () => {
    socket.emit("join", version === undefined ? { collection } : { collection, since: version }, (reply) => {
        tell("joined", reply);
        if (reply.problem) socket.disconnect().connect(); // it is tried again
        else if (version === undefined) version = reply.version;
    });
});
for (const name of ["change", "reset"]) {
    socket.on(name, (body) => {
        version = body.version;
        tell(name, body);
    });
}
socket.on("disconnect", (reason) => tell("disconnect", reason));
