// DocumentSet: bodies of one range of ids, a bit each.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>
#include <vector>

namespace hauspost::store {

class DocumentSet {
 public:
  DocumentSet() = default;
  explicit DocumentSet(std::size_t size) : size_(size), words_((size + 63) / 64) {}

  std::size_t size() const { return size_; }
  bool contains(std::size_t at) const { return (words_[at / 64] >> (at % 64) & 1) != 0; }
  void add(std::size_t at) { words_[at / 64] |= std::uint64_t{1} << (at % 64); }
  void fill() {
    for (std::size_t at = 0; at < size_; ++at) add(at);
  }
  std::size_t count() const {
    std::size_t count = 0;
    for (const std::uint64_t word : words_) count += static_cast<std::size_t>(std::popcount(word));
    return count;
  }
  bool empty() const {
    for (const std::uint64_t word : words_) {
      if (word != 0) return false;
    }
    return true;
  }
  // REQUIRES: of the same size.
  void operator|=(const DocumentSet& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  }
  void operator&=(const DocumentSet& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= other.words_[i];
  }
  // Adds the bits of little-endian `bytes`. False: they have more than fit.
  bool add_bits(std::string_view bytes) {
    if (bytes.size() > (size_ + 7) / 8) return false;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const std::uint64_t byte = static_cast<unsigned char>(bytes[i]);
      words_[i / 8] |= byte << (i % 8 * 8);
    }
    const std::size_t used = size_ % 64;
    return used == 0 || words_.back() >> used == 0;
  }

 private:
  std::size_t size_ = 0;
  std::vector<std::uint64_t> words_;
};

}  // namespace hauspost::store
