/** Runs a piece of work once at a time; calls that come meanwhile share one more run. */
export class OneAtATime {
  private running: Promise<void> | undefined;
  private queued: Promise<void> | undefined;
  private readonly work: () => Promise<void>;

  constructor(work: () => Promise<void>) {
    this.work = work;
  }

  /** Resolves when a run that began after this call has ended. */
  run(): Promise<void> {
    if (this.running === undefined) {
      this.running = this.work().finally(() => {
        this.running = undefined;
      });
      return this.running;
    }
    this.queued ??= this.afterThis();
    return this.queued;
  }

  private async afterThis(): Promise<void> {
    try {
      await this.running;
    } catch {
      // Whoever asked for that run is told.
    }
    this.queued = undefined;
    await this.run();
  }
}
