// How the system should page in expert weights that are a mapped file: the chosen experts, whole,
// and nothing else. Where weights are other memory, all of this does nothing.

#ifndef MIXLINE_MAPPED_EXPERTS_H_
#define MIXLINE_MAPPED_EXPERTS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

namespace mixline {

// One packed tensor: experts one behind the other.
class MappedExperts {
 public:
  MappedExperts() = default;
  MappedExperts(const MappedExperts&) = delete;
  MappedExperts& operator=(const MappedExperts&) = delete;
  ~MappedExperts();

  // Gives every expert a memory area of its own, which the system maps pages into separately.
  //
  // Linux keeps a file in folios of up to 2 MB and, since 6.18, maps all of a folio that lies
  // within an area when any byte of it is read: eight experts of 2.6 MB brought in 48 MB. Areas are
  // cut apart by leaving every second expert out of core dumps, where a mapped file is not anyway.
  // Near the number of areas that a process may have, tensors stay whole. The price: only an area
  // that holds all of such a folio is mapped in pages of 2 MB, with which reading is 2 to 6 %
  // faster. See Join.
  void Open(const void* weights, size_t experts, size_t bytes_per_expert);

  // Makes one area of all experts again, whose pages are then mapped anew, 2 MB at a time. Nothing
  // if a page was changed, which only this process sees: that must not be lost.
  void Join() const;

  // Undoes Join.
  void Split() const;

  // Whether these weights lie in a mapped file, as far as the system tells.
  static bool Knows(const void* weights);

  // Starts reading an expert that is not in memory yet; does not wait. Otherwise the first touch
  // reads what lies around it, up to megabytes, once for each piece of the expert.
  void WillNeed(size_t expert) const;

 private:
  // Whether all that is in memory is the file's.
  bool IsUnchanged() const;

  // Where the expert's first page begins; a page with a border on it goes to the one before.
  uintptr_t Border(size_t expert) const;

  uintptr_t start_ = 0;
  size_t experts_ = 0;
  size_t bytes_per_expert_ = 0;
  uintptr_t page_ = 0;  // 0: no mapped file
  size_t areas_ = 0;    // counted for this tensor; 0: one area, always
};

// Both tensors of an operator. Safe to call from several threads, once open.
class ExpertPaging {
 public:
  void Open(const void* gate_up, size_t gate_up_bytes, const void* down, size_t down_bytes,
            size_t experts);

  // Announces the experts of a call, while this process reads pages from files: in the first call,
  // and for some calls of any operator after one that had to read or to wait. At other times it
  // would only look up pages that are there, which takes 0.3 ms for a token of Qwen3-Coder's size.
  // ids: -1 or below the number of experts.
  void Announce(std::span<const int32_t> ids, size_t experts) const;

  // To be called when these experts have been read, by the same thread.
  void Computed() const;

 private:
  // When most experts have been used from memory, there is nothing left to save by leaving out
  // the others: their areas are joined, until something has to be read again.
  void JoinIfUsed(std::span<const int32_t> ids) const;

  MappedExperts gate_up_, down_;
  size_t experts_ = 0;
  mutable std::mutex mutex_;  // of the two below
  mutable std::vector<bool> used_;
  mutable size_t num_used_ = 0;
  mutable std::atomic<bool> joined_ = false;
};

}  // namespace mixline

#endif  // MIXLINE_MAPPED_EXPERTS_H_
