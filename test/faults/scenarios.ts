import type { Scenario } from "./scenario.ts";
import { backlog } from "./scenarios/backlog.ts";
import { blackHoles } from "./scenarios/black-holes.ts";
import { cancels } from "./scenarios/cancels.ts";
import { charges } from "./scenarios/charges.ts";
import { clockSteps } from "./scenarios/clock-steps.ts";
import { correspondence } from "./scenarios/correspondence.ts";
import { duplicates } from "./scenarios/duplicates.ts";
import { enqueueWithoutBroker } from "./scenarios/enqueue-without-broker.ts";
import { failingJobs } from "./scenarios/failing-jobs.ts";
import { markerLosses } from "./scenarios/marker-losses.ts";
import { ordering } from "./scenarios/ordering.ts";
import { poison } from "./scenarios/poison.ts";
import { consumerKills, relayKills, schedulerKills } from "./scenarios/process-kills.ts";
import { providerFaults } from "./scenarios/provider-faults.ts";
import { providerOutages } from "./scenarios/provider-outages.ts";
import { purges } from "./scenarios/purges.ts";
import { recorderKills } from "./scenarios/recorder-kills.ts";
import { rollingRestarts } from "./scenarios/rolling-restarts.ts";
import {
  backendsEnded,
  brokerAlarms,
  brokerKills,
  brokerStops,
  brokerWipes,
  postgresCrashes,
  postgresRestarts,
} from "./scenarios/server-outages.ts";
import { frozenServers, zombies } from "./scenarios/zombies.ts";

/**
 * All scenarios, in stages: those of a stage disturb different things, so that the quick run does them at once.
 */
export const STAGES: readonly (readonly Scenario[])[] = [
  [relayKills, consumerKills, schedulerKills, zombies, purges, recorderKills, charges],
  // Poison kills whoever runs it, and so those that are armed for another death, above.
  // Correspondence hears of the payments of charges, so that it is judged later; and relays that are killed above or
  // begin anew below would declare its many queues again and again.
  [
    poison,
    providerFaults,
    duplicates,
    rollingRestarts,
    clockSteps,
    blackHoles,
    ordering,
    failingJobs,
    correspondence,
  ],
  [providerOutages, cancels, markerLosses],
  [postgresRestarts],
  [postgresCrashes],
  [backendsEnded],
  [brokerAlarms],
  [brokerStops],
  [brokerKills],
  [enqueueWithoutBroker],
  [frozenServers],
  [brokerWipes],
  [backlog],
];
