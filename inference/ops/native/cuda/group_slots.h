// Slots of a call grouped by expert: a counting sort, and the list of a product's row tiles.
//
// Steps for one thread block, with a barrier between them: counts to 0, CountSlots, ListTiles (one
// thread), PlaceSlots.
#ifndef MIXLINE_CUDA_GROUP_SLOTS_H_
#define MIXLINE_CUDA_GROUP_SLOTS_H_

#include "cuda/host_device.h"

namespace mixline::cuda {

// Rows `first` .. `first + count - 1` of the grouped slots, all of one expert.
struct RowTile {
  int32_t expert;
  int32_t first;
  int32_t count;
};

// The most tiles that a call can need: every expert's last one may be partly filled.
MIXLINE_HD size_t MostRowTiles(size_t slots, size_t experts, size_t tile_rows) {
  return slots / tile_rows + (slots < experts ? slots : experts);
}

// The expert of a slot; -1 if the slot is unused. An id that is none sets the flag, and its slot
// counts as unused.
MIXLINE_HD int32_t ExpertOfSlot(const int32_t* ids, size_t slot, size_t experts, int32_t* bad_id) {
  const int32_t id = ids[slot];
  if (id >= -1 && id < static_cast<int32_t>(experts)) return id;
  *bad_id = 1;
  return -1;
}

MIXLINE_HD void CountSlots(const int32_t* ids, size_t slots, size_t experts, size_t thread,
                           size_t threads, int32_t* counts, int32_t* bad_id) {
  for (size_t s = thread; s < slots; s += threads) {
    const int32_t expert = ExpertOfSlot(ids, s, experts, bad_id);
    if (expert >= 0) CountOne(&counts[expert]);
  }
}

// Turns counts into the place of each expert's first slot; returns the number of tiles.
MIXLINE_HD int32_t ListTiles(size_t experts, int32_t tile_rows, int32_t* counts, RowTile* tiles) {
  int32_t first = 0;
  int32_t listed = 0;
  for (size_t e = 0; e < experts; ++e) {
    const int32_t count = counts[e];
    counts[e] = first;
    for (int32_t done = 0; done < count; done += tile_rows) {
      const int32_t rest = count - done;
      tiles[listed++] = {static_cast<int32_t>(e), first + done,
                         rest < tile_rows ? rest : tile_rows};
    }
    first += count;
  }
  return listed;
}

// Writes the grouped slots; `next` is what ListTiles left, and ends as the groups' ends. The order
// within a group is any: rows of a product do not depend on each other.
MIXLINE_HD void PlaceSlots(const int32_t* ids, size_t slots, size_t experts, size_t thread,
                           size_t threads, int32_t* next, int32_t* grouped, int32_t* bad_id) {
  for (size_t s = thread; s < slots; s += threads) {
    const int32_t expert = ExpertOfSlot(ids, s, experts, bad_id);
    if (expert >= 0) grouped[CountOne(&next[expert])] = static_cast<int32_t>(s);
  }
}

}  // namespace mixline::cuda

#endif  // MIXLINE_CUDA_GROUP_SLOTS_H_
