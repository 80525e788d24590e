/**
 * The line before name servers, which take only so many questions at once. Each asker has a place of its own in it, so
 * that one who asks without end, or for what nobody answers, waits for himself and keeps nobody else waiting.
 */

export interface LineLimits {
  /** So many run at once … */
  atOnce: number;
  /** … but so many of each asker do at any rate … */
  share: number;
  /** … while there are not as many as this. */
  most: number;
}

export interface Line {
  /** Resolves when it is the asker's turn, who is to call what it resolves to when the turn is over. */
  turn(asker: object): Promise<() => void>;
}

interface Place {
  running: number;
  waiting: ((leave: () => void) => void)[];
}

export function createLine({ atOnce, share, most }: LineLimits): Line {
  /** In the order of their next turns. */
  const places = new Map<object, Place>();
  let running = 0;

  const mayRun = (place: Place): boolean => running < (place.running < share ? most : atOnce);

  function enter(asker: object, place: Place): () => void {
    running++;
    place.running++;
    return () => {
      running--;
      place.running--;
      if (place.running === 0 && place.waiting.length === 0) places.delete(asker);
      admit();
    };
  }

  /** One of each asker in turn, for as long as there is room. */
  function admit(): void {
    for (let admitted = true; admitted; ) {
      admitted = false;
      for (const [asker, place] of [...places]) {
        if (place.waiting.length === 0 || !mayRun(place)) continue;
        places.delete(asker);
        places.set(asker, place);
        place.waiting.shift()?.(enter(asker, place));
        admitted = true;
      }
    }
  }

  return {
    async turn(asker) {
      const place = places.get(asker) ?? { running: 0, waiting: [] };
      places.set(asker, place);
      if (place.waiting.length === 0 && mayRun(place)) return enter(asker, place);
      return await new Promise((resolve) => place.waiting.push(resolve));
    },
  };
}
