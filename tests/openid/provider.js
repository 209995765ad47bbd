// A real OpenID provider: whoever comes as `client` with the secret `secret` gets a token for the scope that it asks for.
// PORT: where it listens on 127.0.0.1. Its keys are made at each start.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { Provider } from "oidc-provider";

const [port] = process.argv.slice(2);
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const issuer = `http://127.0.0.1:${port}`;
const seconds = { "http://scrapr.test": 300, "http://brief.test": 1, "http://other.test": 300 };

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "client",
      client_secret: "secret",
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
    },
  ],
  cookies: { keys: ["of-the-tests"] },
  scopes: ["scrapr:read", "scrapr:write", "mail"],
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), kid: randomUUID(), alg: "RS256", use: "sig" }] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource) => ({
        scope: "scrapr:read scrapr:write mail",
        audience: resource,
        accessTokenTTL: seconds[resource],
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
});
provider.listen(Number(port), "127.0.0.1", () => console.log("listening"));
