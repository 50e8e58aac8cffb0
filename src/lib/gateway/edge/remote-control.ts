// Control as the edge's own process sees it: the interface of the contract, each call a message to the parent and its answer.
import type { Calls } from '../border/calls.ts';
import type { Told } from '../border/messages.ts';
import type { ControlForEdge } from '../contract.ts';

/** What is only told wants no answer: reports arrive in the order of the calls, and control logs what it does not take. */
export function remoteControl(calls: Calls<keyof ControlForEdge>, tell: (told: Told) => void): ControlForEdge {
  // What control answers is its side of the contract: the same program wrote it, and whoever could forge it has the gateway anyway.
  const ask = <Method extends keyof ControlForEdge>(method: Method, ...args: Parameters<ControlForEdge[Method]>) =>
    calls.ask(method, args) as ReturnType<ControlForEdge[Method]>;
  return {
    admit: (presented) => ask('admit', presented),
    refused: async (peer) => tell({ kind: 'tell', method: 'refused', arguments: [peer] }),
    introduce: (linkId, hello) => ask('introduce', linkId, hello),
    advertise: (linkId, advertisement) => ask('advertise', linkId, advertisement),
    alive: (linkId) => ask('alive', linkId),
    unlink: (linkId, reason) => ask('unlink', linkId, reason),
    authorise: (request) => ask('authorise', request),
    attach: (request) => ask('attach', request),
    detach: (connection) => ask('detach', connection),
    renew: (linkId, request) => ask('renew', linkId, request),
    report: async (event) => tell({ kind: 'tell', method: 'report', arguments: [event] }),
  };
}
