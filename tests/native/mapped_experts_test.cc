// Which calls announce their experts: seen by what of a file, dropped from memory, comes back. And
// when experts are one memory area, as the system lists them.
#include "mapped_experts.h"

#include "check.h"

#if defined(__linux__)
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace mixline {
namespace {

constexpr size_t kExperts = 16;
constexpr size_t kGateUpBytes = 64 << 10;
constexpr size_t kDownBytes = 32 << 10;
constexpr size_t kFileBytes = kExperts * (kGateUpBytes + kDownBytes);
constexpr size_t kPage = 4096;

// As mapped_experts.cc has them.
constexpr int kCallsAfterWait = 16;
constexpr int kCallsAfterRead = 128;

// A mapped file on a disk, without a name.
class DiskFile {
 public:
  DiskFile() {
    char name[] = "/var/tmp/mixline-test-XXXXXX";  // a disk even where /tmp is memory
    file_ = mkstemp(name);
    if (file_ < 0) throw std::runtime_error("cannot make a file in /var/tmp");
    unlink(name);
    const std::vector<char> bytes(kFileBytes, 1);
    if (write(file_, bytes.data(), kFileBytes) != static_cast<ssize_t>(kFileBytes)) {
      throw std::runtime_error("cannot write a file in /var/tmp");
    }
    fsync(file_);
    // As ONNX Runtime maps weights.
    map_ = static_cast<uint8_t*>(
        mmap(nullptr, kFileBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, file_, 0));
    if (map_ == MAP_FAILED) throw std::runtime_error("cannot map a file in /var/tmp");
  }
  DiskFile(const DiskFile&) = delete;
  ~DiskFile() {
    munmap(map_, kFileBytes);
    close(file_);
  }

  uint8_t* map() const { return map_; }

  // Takes the file out of memory; false: this file system keeps it there.
  bool Drop() const {
    madvise(map_, kFileBytes, MADV_DONTNEED);
    posix_fadvise(file_, 0, 0, POSIX_FADV_DONTNEED);
    return Resident(0, kFileBytes) == 0;
  }

  void Read() const {
    for (size_t at = 0; at < kFileBytes; at += kPage) {
      static_cast<void>(*static_cast<const volatile uint8_t*>(map_ + at));
    }
  }

  // Memory areas that it is mapped in.
  size_t Areas() const {
    std::ifstream maps("/proc/self/maps");
    size_t count = 0;
    for (std::string line; std::getline(maps, line);) {
      const auto start = reinterpret_cast<uint8_t*>(std::stoull(line, nullptr, 16));
      count += start >= map_ && start < map_ + kFileBytes;
    }
    return count;
  }

  // Pages of it that are in memory.
  size_t Resident(size_t begin, size_t bytes) const {
    std::vector<unsigned char> pages(bytes / kPage);
    mincore(map_ + begin, bytes, pages.data());
    size_t count = 0;
    for (const unsigned char page : pages) count += page & 1;
    return count;
  }

 private:
  int file_;
  uint8_t* map_;
};

// Weights in such a file, and calls that choose some of its experts.
class Weights {
 public:
  Weights() { paging_.Open(file_.map(), kGateUpBytes, Down(), kDownBytes, kExperts); }

  const DiskFile& file() const { return file_; }

  // One call whose experts, all of the file, are in memory.
  void CallInMemory(int calls = 1, std::span<const int32_t> ids = kChosen) const {
    file_.Read();
    for (int i = 0; i < calls; ++i) {
      paging_.Announce(ids, kExperts);
      paging_.Computed();
    }
  }

  // One call, of which nothing is in memory. Whether its experts were announced, and no other.
  bool Announces(std::span<const int32_t> ids = kChosen) const {
    CHECK(file_.Drop()) << "the file could be dropped before";
    paging_.Announce(ids, kExperts);
    const size_t expected = (kGateUpBytes + kDownBytes) / kPage;
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    bool all = false;
    while (!all && std::chrono::steady_clock::now() < give_up) {
      // Long enough for what was announced to arrive, or for nothing to arrive.
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      size_t resident = 0;
      all = true;
      for (const int32_t id : ids) {
        const size_t found = Resident(static_cast<size_t>(id));
        all = all && found == expected;
        resident += found;
      }
      CHECK(file_.Resident(0, kFileBytes) == resident) << "pages of other experts were read";
      if (resident == 0) break;
    }
    paging_.Computed();
    return all;
  }

  // A call that has to wait for a page of another file while it computes.
  void CallThatWaits(const DiskFile& other) const {
    file_.Read();
    paging_.Announce(kChosen, kExperts);
    CHECK(WaitsFor(other)) << "the page came without a wait";
    paging_.Computed();
  }

  static bool WaitsFor(const DiskFile& file) {
    file.Drop();
    rusage before, after;
    getrusage(RUSAGE_THREAD, &before);
    file.Read();
    getrusage(RUSAGE_THREAD, &after);
    return after.ru_majflt > before.ru_majflt;
  }

 private:
  static constexpr int32_t kChosen[] = {3, 10};

  const uint8_t* Down() const { return file_.map() + kExperts * kGateUpBytes; }

  size_t Resident(size_t expert) const {
    return file_.Resident(expert * kGateUpBytes, kGateUpBytes) +
           file_.Resident(kExperts * kGateUpBytes + expert * kDownBytes, kDownBytes);
  }

  DiskFile file_;
  ExpertPaging paging_;
};

// Whether this system can show it: files that can be dropped, and a way to find out what a mapping
// is. qemu-user and Linux before 6.11 have none.
bool CanShow() {
  static const bool can = [] {
    const Weights weights;
    const bool answer = weights.file().Drop() && Weights::WaitsFor(weights.file()) &&
                        MappedExperts::Knows(weights.file().map());
    if (!answer) std::printf("not run: announcements of experts cannot be seen here\n");
    return answer;
  }();
  return can;
}

TEST(the_first_call_announces_its_experts_and_no_others) {
  if (!CanShow()) return;
  const Weights weights;
  CHECK(weights.Announces());
}

TEST(most_experts_of_a_layer_are_not_announced) {
  if (!CanShow()) return;
  const Weights weights;
  const int32_t most[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
  CHECK(!weights.Announces(most));
  CHECK(weights.Announces(std::span(most).first(8)));
}

TEST(calls_in_memory_announce_nothing) {
  if (!CanShow()) return;
  const Weights weights;
  weights.CallInMemory(kCallsAfterRead + 1);
  CHECK(!weights.Announces());
}

TEST(waits_of_other_code_announce_nothing) {
  if (!CanShow()) return;
  const Weights weights;
  const DiskFile other;
  weights.CallInMemory(kCallsAfterRead + 1);
  CHECK(Weights::WaitsFor(other)) << "the page came without a wait";
  CHECK(!weights.Announces());
}

TEST(a_wait_within_a_call_makes_the_next_calls_announce) {
  if (!CanShow()) return;
  const Weights weights;
  const DiskFile other;
  for (const int calls : {kCallsAfterWait - 1, kCallsAfterWait}) {
    weights.CallInMemory(kCallsAfterRead + 1);
    weights.CallThatWaits(other);
    weights.CallInMemory(calls);
    CHECK(weights.Announces() == (calls < kCallsAfterWait)) << "after calls: " << calls;
  }
}

TEST(announcing_what_was_not_there_makes_more_calls_announce) {
  if (!CanShow()) return;
  const Weights weights;
  const DiskFile other;
  for (const int calls : {kCallsAfterRead - 1, kCallsAfterRead}) {
    weights.CallInMemory(kCallsAfterRead + 1);
    weights.CallThatWaits(other);
    CHECK(weights.Announces());
    weights.CallInMemory(calls);
    CHECK(weights.Announces() == (calls < kCallsAfterRead)) << "after calls: " << calls;
  }
}

constexpr int32_t kAll[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
constexpr size_t kSplitAreas = 2 * kExperts;

TEST(areas_are_joined_when_most_experts_were_used_from_memory) {
  if (!CanShow()) return;
  const Weights weights;
  weights.CallInMemory(kCallsAfterRead + 1);
  CHECK(weights.file().Areas() == kSplitAreas) << weights.file().Areas();
  weights.CallInMemory(1, std::span(kAll).first(11));  // the two of the calls before among them
  CHECK(weights.file().Areas() == kSplitAreas) << weights.file().Areas();
  weights.CallInMemory(1, std::span(kAll).last(1));
  CHECK(weights.file().Areas() == 1) << weights.file().Areas();
}

TEST(areas_stay_apart_while_experts_are_announced) {
  if (!CanShow()) return;
  const Weights weights;
  const DiskFile other;
  weights.CallThatWaits(other);
  weights.CallInMemory(1, kAll);
  CHECK(weights.file().Areas() == kSplitAreas) << weights.file().Areas();
}

TEST(areas_are_parted_again_when_something_has_to_be_read) {
  if (!CanShow()) return;
  const Weights weights;
  const DiskFile other;
  for (int round = 0; round < 2; ++round) {
    weights.CallInMemory(kCallsAfterRead + 1);
    weights.CallInMemory(1, kAll);
    CHECK(weights.file().Areas() == 1) << weights.file().Areas();
    weights.CallThatWaits(other);
    CHECK(weights.file().Areas() == kSplitAreas) << weights.file().Areas();
  }
}

TEST(a_page_that_was_changed_is_kept) {
  if (!CanShow()) return;
  const Weights weights;
  weights.CallInMemory(kCallsAfterRead + 1);
  uint8_t* const changed = weights.file().map() + kExperts * kGateUpBytes + 5 * kDownBytes;
  *changed = 77;
  weights.CallInMemory(1, kAll);
  CHECK(*changed == 77) << static_cast<int>(*changed);
  CHECK(weights.file().Areas() > 1) << weights.file().Areas();
}

}  // namespace
}  // namespace mixline

#endif
