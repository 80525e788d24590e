/** Who is measured when: the peers take turns, so that a noisy moment of the machine hits all of them. */
import type { Command, Peer } from "./peer.ts";
import { time } from "./process.ts";

/** Milliseconds by peer. */
export type Times = Map<string, number[]>;

export interface Turn {
  peer: string;
  command: Command;
  /** Untimed, before each round. */
  before?: Command | undefined;
}

export type CommandOf = (peer: Peer) => Command | undefined;

export function turnsOf(peers: Peer[], timed: CommandOf, before?: CommandOf): Turn[] {
  return peers.flatMap((peer) => {
    const command = timed(peer);
    return command === undefined ? [] : [{ peer: peer.name, command, before: before?.(peer) }];
  });
}

/** `rounds` rounds after an untimed one. */
export async function takeTurns(turns: Turn[], rounds: number): Promise<Times> {
  const times: Times = new Map(turns.map(({ peer }) => [peer, []]));
  for (let round = -1; round < rounds; round++) {
    for (const { peer, command, before } of inTurn(turns, round + 1)) {
      if (before !== undefined) {
        await time(before);
        // What the removal left to write is not the next pull's to pay.
        await time({ argv: ["sync"] });
      }
      const milliseconds = await time(command);
      if (round >= 0) times.get(peer)?.push(milliseconds);
    }
  }
  return times;
}

/**
 * Who goes first changes from round to round, and so does who comes after whom: what a command leaves behind, dirty pages
 * and a daemon that is still busy, is the next one's to bear.
 */
export function inTurn<T>(turns: readonly T[], round: number): T[] {
  const first = round % Math.max(turns.length, 1);
  const order = [...turns.slice(first), ...turns.slice(0, first)];
  return round % 2 === 0 ? order : order.reverse();
}
