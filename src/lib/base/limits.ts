// Every limit in force, in one place; `tunnel limits --json` prints this object. Durations in milliseconds, sizes in bytes.
const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND = 1000;
const MINUTE = 60 * SECOND;

export const LIMITS = {
  quicHandshakeMs: 5 * SECOND,
  keepAliveMs: 3 * SECOND,
  deadLinkV2Ms: 10 * SECOND,
  idleTimeoutMs: 120 * SECOND,
  connectTargetMs: 10 * SECOND,
  connectResponseV2Ms: 15 * SECOND,
  connectResponseV1Ms: 30 * SECOND,
  partialFrameMs: 10 * SECOND,
  onlineWithinMs: 90 * SECOND,
  controlFrameV1Bytes: MIB,
  controlFrameV2Bytes: 512 * KIB,
  sessionFrameV1Bytes: 64 * KIB,
  sessionFrameV2Bytes: 16 * KIB,
  routesPerAgent: 1000,
  advertisementsPerSecond: 1,
  streamsPerAgentV2: 4096,
  streamsPerAgentV1: 100,
  streamBufferBytes: MIB,
  agentBufferBytes: 16 * MIB,
  halfOpenHandshakes: 256,
  halfOpenPerSource: 16,
  retryTokenMs: 10 * SECOND,
  clientHelloBytes: 16 * KIB,
  clientHelloMs: 5 * SECOND,
  httpBodyBytes: 64 * KIB,
  httpHeaderBytes: 16 * KIB,
  httpKeys: 256,
  httpDepth: 16,
  backoffFirstMs: 500,
  backoffEarlyCeilingMs: 8 * SECOND,
  backoffEarlyMs: 5 * MINUTE,
  backoffCeilingMs: 60 * SECOND,
  goodLinkMs: 30 * SECOND,
  drainGraceMs: 30 * SECOND,
  sessionIdleMs: 15 * MINUTE,
  idleWarningMs: MINUTE,
  sessionsPerOperator: 64,
  sessionsPerAgent: 256,
  sessionTokenMs: 5 * MINUTE,
  storeCallMs: 5 * SECOND,
  enrolmentRepeatMs: 5 * MINUTE,
  happyEyeballsDelayMs: 250,
  targetsPerSession: 64,
  candidatesPerTarget: 16,
} as const;

export type Limits = typeof LIMITS;
