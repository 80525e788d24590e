/** What a push tells while it runs. */
export type PushEvent =
  /** "docker.io/library/alpine". */
  | { type: "start"; repository: string }
  /** `id`: twelve digits of the layer's diff id, as Docker names layers; `from`: the repository it was mounted from. */
  | { type: "layer"; id: string; state: PushedLayerState; from?: string }
  /** The total grows as layers turn out to be missing in the registry. */
  | { type: "progress"; sentBytes: number; totalBytes: number }
  | { type: "retry"; what: string; reason: string; delayMs: number }
  /**
   * Not what the name stands for here is pushed, by reason that of an index only one platform is in the store, or that
   * the store has a layer in another compression than the manifest says.
   */
  | { type: "substitute"; reason: "platform" | "compression"; original: string; pushed: string }
  | { type: "done"; reference: string; tag: string; digest: string; size: number };

export type PushedLayerState =
  | "preparing"
  | "pushing"
  | "pushed"
  | "exists"
  | "mounted"
  /** It is not to be distributed (image-spec layer.md), and the manifest says where else it is. */
  | "skipped";

export type OnPushProgress = (event: PushEvent) => void;
