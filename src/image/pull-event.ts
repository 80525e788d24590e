/** What a pull tells while it runs. */
export type PullEvent =
  /** The image that a container is to be made of is not in the store: it will be asked for. */
  | { type: "missing"; reference: string }
  /** The manifest is known: how much is to come. */
  | { type: "start"; reference: string; digest: string; layers: number; totalBytes: number }
  | { type: "layer"; digest: string; state: "exists" | "downloading" | "done" }
  | { type: "progress"; receivedBytes: number; totalBytes: number }
  | { type: "retry"; what: string; reason: string; delayMs: number }
  | { type: "done"; reference: string; digest: string; upToDate: boolean };

export type OnProgress = (event: PullEvent) => void;
