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

/** `rounds` rounds after an untimed one; who goes first changes from round to round. */
export async function takeTurns(turns: Turn[], rounds: number): Promise<Times> {
  const times: Times = new Map(turns.map(({ peer }) => [peer, []]));
  for (let round = -1; round < rounds; round++) {
    for (let turn = 0; turn < turns.length; turn++) {
      const { peer, command, before } = turns[(turn + round + 1) % turns.length] as Turn;
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
