// BufferPool: large buffers for the moments in which bytes move. Idle sessions hold none.
#pragma once

#include <memory>
#include <span>
#include <vector>

namespace hauspost::frontend {

// REQUIRES: one thread; outlives its buffers.
class BufferPool {
 public:
  static constexpr std::size_t kBufferBytes = 64 * 1024;
  static constexpr std::size_t kKeptMax = 16;  // further ones are freed when given back

  class Buffer {
   public:
    Buffer(Buffer&&) noexcept = default;
    Buffer& operator=(Buffer&&) = delete;
    ~Buffer() {
      if (bytes_ && pool_->free_.size() < kKeptMax) pool_->free_.push_back(std::move(bytes_));
    }
    std::span<char> span() const { return {bytes_.get(), kBufferBytes}; }

   private:
    friend class BufferPool;
    Buffer(BufferPool* pool, std::unique_ptr<char[]> bytes)
        : pool_(pool), bytes_(std::move(bytes)) {}
    BufferPool* pool_;
    std::unique_ptr<char[]> bytes_;
  };

  Buffer take() {
    if (free_.empty()) return {this, std::make_unique_for_overwrite<char[]>(kBufferBytes)};
    auto bytes = std::move(free_.back());
    free_.pop_back();
    return {this, std::move(bytes)};
  }
  std::size_t kept() const { return free_.size(); }

 private:
  std::vector<std::unique_ptr<char[]>> free_;
};

}  // namespace hauspost::frontend
