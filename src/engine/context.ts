/** What every verb of the engine works in: where things are, and what the user configured. */
import type { Config } from "../config.ts";
import type { Paths } from "../store/paths.ts";

export interface EngineContext {
  readonly paths: Paths;
  readonly config: Config;
  /** As in EngineSettings. */
  readonly solitary?: boolean;
  /**
   * The program and first arguments that finish off a container when nobody waits for its end (`--rm -d`, or a
   * client that was killed); the container's id is appended. It has to call Engine.reap().
   */
  readonly reaper: () => readonly string[];
  /** The same to start a container again whose restart policy wants that; it has to call Engine.revive(). */
  readonly reviver: () => readonly string[];
  /** The same to answer containers' questions for names; it has to call Engine.serveNames(). */
  readonly resolver: () => readonly string[];
}
