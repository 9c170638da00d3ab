#include "mapped_experts.h"

#if defined(__linux__)
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <atomic>
#include <mutex>
#include <vector>

namespace mixline {
namespace {

#if defined(__linux__)

// Of the 65,530 areas that a process may have by default; others need theirs, too.
constexpr size_t kMaxAreas = 32768;
std::atomic<size_t> areas = 0;  // of all open tensors

// Some tokens of a deep model.
constexpr int kCallsAfterRead = 128;

// Enough to see whether announcing reads anything; if it does, kCallsAfterRead follow.
constexpr int kCallsAfterWait = 16;

std::atomic<int> calls_left = 0;  // that still announce their experts

void AnnounceAtLeast(int calls) {
  if (calls_left.load(std::memory_order_relaxed) < calls) calls_left = calls;
}

// struct procmap_query of linux/fs.h, which headers before Linux 6.11 lack.
struct MapQuery {
  uint64_t size;
  uint64_t flags;
  uint64_t address;
  uint64_t start;
  uint64_t end;
  uint64_t area_flags;
  uint64_t page_size;
  uint64_t offset;
  uint64_t inode;
  uint32_t device[2];
  uint32_t name_size;
  uint32_t build_id_size;
  uint64_t name;
  uint64_t build_id;
};
static_assert(sizeof(MapQuery) == 104);
constexpr unsigned long kMapQuery = _IOWR('f', 17, MapQuery);

// struct pm_scan_arg of linux/fs.h, which headers before Linux 6.7 lack.
struct PageScan {
  uint64_t size;
  uint64_t flags;
  uint64_t start;
  uint64_t end;
  uint64_t walk_end;
  uint64_t regions;
  uint64_t num_regions;
  uint64_t max_pages;
  uint64_t inverted;  // kinds that count as what a page is not
  uint64_t all_of;
  uint64_t any_of;
  uint64_t returned;
};
static_assert(sizeof(PageScan) == 96);
constexpr unsigned long kPageScan = _IOWR('f', 16, PageScan);
constexpr uint64_t kOfFile = 1 << 2;
constexpr uint64_t kPresent = 1 << 3;
constexpr uint64_t kSwapped = 1 << 4;

struct PageRegion {
  uint64_t start;
  uint64_t end;
  uint64_t kinds;
};

// Of the experts, so that at most a third more than those used is mapped.
constexpr size_t kJoinUsed = 3;
constexpr size_t kJoinOf = 4;

// Whether all of it lies in one mapping of a file; no, if the system cannot tell.
bool IsMappedFile(uintptr_t start, uintptr_t end) {
  const int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (maps < 0) return false;
  MapQuery query{};
  query.size = sizeof(query);
  query.address = start;
  const bool known = ioctl(maps, kMapQuery, &query) == 0;
  close(maps);
  return known && query.inode != 0 && query.end >= end;
}

thread_local int64_t waits_before = 0;  // what this thread's call began with

// What this thread had to do with files so far.
struct FileReads {
  int64_t waits = 0;   // page faults that waited for a file
  int64_t blocks = 0;  // blocks that it had read

  FileReads() {
    rusage usage;
    if (getrusage(RUSAGE_THREAD, &usage) != 0) return;
    waits = usage.ru_majflt;
    blocks = usage.ru_inblock;
  }
};

#endif

}  // namespace

#if defined(__linux__)

void MappedExperts::Open(const void* weights, size_t experts, size_t bytes_per_expert) {
  start_ = reinterpret_cast<uintptr_t>(weights);
  experts_ = experts;
  bytes_per_expert_ = bytes_per_expert;
  if (!IsMappedFile(start_, start_ + experts * bytes_per_expert)) return;
  page_ = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  if (bytes_per_expert < page_) return;
  if (areas.fetch_add(experts) + experts > kMaxAreas) {
    areas -= experts;
    return;
  }
  areas_ = experts;
  Split();
}

void MappedExperts::Split() const {
  if (areas_ == 0) return;
  for (size_t expert = 1; expert < experts_; expert += 2) {
    const uintptr_t first = Border(expert);
    // Fails where no more areas may be made: the rest then stays whole.
    if (madvise(reinterpret_cast<void*>(first), Border(expert + 1) - first, MADV_DONTDUMP) != 0) {
      return;
    }
  }
}

bool MappedExperts::Knows(const void* weights) {
  const auto start = reinterpret_cast<uintptr_t>(weights);
  return IsMappedFile(start, start + 1);
}

void MappedExperts::Join() const {
  if (areas_ == 0 || !IsUnchanged()) return;
  void* const first = reinterpret_cast<void*>(Border(0));
  const size_t bytes = Border(experts_) - Border(0);
  // The system maps what is missing, and what it maps already it leaves as it is.
  if (madvise(first, bytes, MADV_DODUMP) == 0) madvise(first, bytes, MADV_DONTNEED);
}

bool MappedExperts::IsUnchanged() const {
  const int pages = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (pages < 0) return false;
  PageRegion found;
  PageScan scan{};
  scan.size = sizeof(scan);
  scan.start = Border(0);
  scan.end = Border(experts_);
  scan.regions = reinterpret_cast<uint64_t>(&found);
  scan.num_regions = 1;
  scan.max_pages = 1;
  scan.inverted = kOfFile;
  scan.all_of = kOfFile;
  scan.any_of = kPresent | kSwapped;
  scan.returned = kPresent;
  const bool unchanged = ioctl(pages, kPageScan, &scan) == 0;  // else regions found, or an error
  close(pages);
  return unchanged;
}

MappedExperts::~MappedExperts() { areas -= areas_; }

void MappedExperts::WillNeed(size_t expert) const {
  if (page_ == 0) return;
  const uintptr_t first = Border(expert);
  // Only advice: that it cannot be followed is no error.
  madvise(reinterpret_cast<void*>(first), Border(expert + 1) - first, MADV_WILLNEED);
}

uintptr_t MappedExperts::Border(size_t expert) const {
  return (start_ + expert * bytes_per_expert_ + page_ - 1) / page_ * page_;
}

void ExpertPaging::Open(const void* gate_up, size_t gate_up_bytes, const void* down,
                        size_t down_bytes, size_t experts) {
  gate_up_.Open(gate_up, experts, gate_up_bytes);
  down_.Open(down, experts, down_bytes);
  experts_ = experts;
  used_.resize(experts);
  AnnounceAtLeast(1);
}

void ExpertPaging::Announce(std::span<const int32_t> ids, size_t experts) const {
  const FileReads before;
  waits_before = before.waits;
  if (experts != experts_) return;  // other weights than those of the first call
  if (calls_left.load(std::memory_order_relaxed) <= 0) {
    JoinIfUsed(ids);
    return;
  }
  calls_left.fetch_sub(1, std::memory_order_relaxed);
  std::vector<bool> chosen(experts_);
  for (const int32_t id : ids) {
    if (id >= 0) chosen[static_cast<size_t>(id)] = true;
  }
  // Most of a tensor is read fastest in order, which the system notices by itself; and announced at
  // once, its end could take the place of its beginning.
  if (2 * static_cast<size_t>(std::ranges::count(chosen, true)) > experts_) return;
  for (size_t expert = 0; expert < experts_; ++expert) {
    if (!chosen[expert]) continue;
    gate_up_.WillNeed(expert);
    down_.WillNeed(expert);
  }
  if (FileReads().blocks != before.blocks) AnnounceAtLeast(kCallsAfterRead);
}

void ExpertPaging::JoinIfUsed(std::span<const int32_t> ids) const {
  if (joined_.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(mutex_);
  for (const int32_t id : ids) {
    if (id < 0 || used_[static_cast<size_t>(id)]) continue;
    used_[static_cast<size_t>(id)] = true;
    ++num_used_;
  }
  if (joined_ || kJoinOf * num_used_ < kJoinUsed * experts_) return;
  joined_ = true;
  gate_up_.Join();
  down_.Join();
}

void ExpertPaging::Computed() const {
  // Waits outside of a call, of whatever else the process does, say nothing about the weights.
  if (FileReads().waits == waits_before) return;
  AnnounceAtLeast(kCallsAfterWait);
  if (!joined_.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(mutex_);
  used_.assign(experts_, false);
  num_used_ = 0;
  joined_ = false;
  gate_up_.Split();
  down_.Split();
}

#else

void MappedExperts::Open(const void*, size_t, size_t) {}
bool MappedExperts::Knows(const void*) { return false; }
MappedExperts::~MappedExperts() = default;
void MappedExperts::WillNeed(size_t) const {}
void MappedExperts::Join() const {}
void MappedExperts::Split() const {}
bool MappedExperts::IsUnchanged() const { return false; }
uintptr_t MappedExperts::Border(size_t) const { return 0; }
void ExpertPaging::Open(const void*, size_t, const void*, size_t, size_t) {}
void ExpertPaging::Announce(std::span<const int32_t>, size_t) const {}
void ExpertPaging::JoinIfUsed(std::span<const int32_t>) const {}
void ExpertPaging::Computed() const {}

#endif

}  // namespace mixline
