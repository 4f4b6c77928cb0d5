// OutFile: a file that is written from its start to its end, and made durable on demand.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace hauspost::transfer {

class OutFile {
 public:
  OutFile() = default;
  // New, or one whose first `keep` bytes are good; the rest goes. Links are not followed.
  static Result<OutFile> open(const std::string& path, std::uint64_t keep);
  OutFile(OutFile&& other) noexcept;
  OutFile& operator=(OutFile&& other) noexcept;
  ~OutFile();

  Result<> write(std::string_view bytes);
  Result<> flush();  // on the disk
  // What was written goes to the file; it is closed, with that time of last change.
  Result<> close_with_time(std::int64_t time_s, bool durable);
  std::uint64_t length() const { return length_ + waiting_.size(); }
  int get() const { return fd_; }

 private:
  static constexpr std::size_t kBufferBytes = 1 << 20;
  Result<> write_out();

  int fd_ = -1;
  std::string path_;
  std::uint64_t length_ = 0;
  std::string waiting_;
};

}  // namespace hauspost::transfer
