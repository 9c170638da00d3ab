import assert from "node:assert/strict";
import { test } from "node:test";
import { OneAtATime } from "../src/oneAtATime";

/** Work that ends when it is told to; counts its runs. */
class Work {
  runs = 0;
  private end: (() => void)[] = [];

  readonly run = (): Promise<void> => {
    this.runs += 1;
    return new Promise((resolve) => this.end.push(resolve));
  };

  finish(): void {
    this.end.shift()?.();
  }
}

test("calls during a run share one more run", async () => {
  const work = new Work();
  const queue = new OneAtATime(work.run);
  const first = queue.run();
  const others = [queue.run(), queue.run()];
  assert.equal(work.runs, 1);
  work.finish();
  await first;
  await Promise.resolve();
  work.finish();
  await Promise.all(others);

  assert.equal(work.runs, 2);
});

test("a run that fails tells its caller and does not stop the next", async () => {
  let runs = 0;
  const queue = new OneAtATime(() => {
    runs += 1;
    return runs === 1 ? Promise.reject(new Error("no")) : Promise.resolve();
  });
  const first = queue.run();
  const second = queue.run();

  await assert.rejects(first, /no/);
  await second;
  assert.equal(runs, 2);
});
