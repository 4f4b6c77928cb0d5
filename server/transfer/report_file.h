// The list of what was odd with single items of a transfer: lines of text in a file, which an
// interrupted transfer goes on with where its note says.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace hauspost::transfer {

inline constexpr std::uint64_t kReportBytesMax = 16ULL << 20;

class ReportFile {
 public:
  // Made when it is not there; what lies behind `length` goes.
  static Result<ReportFile> open(const std::string& path, std::uint64_t length);
  ReportFile(ReportFile&& other) noexcept;
  ReportFile& operator=(ReportFile&&) = delete;
  ~ReportFile();

  // Above kReportBytesMax only a last line says that there were more.
  void add(std::string_view line);
  // What was added is on the disk.
  Result<> flush();
  std::uint64_t length() const { return length_ + waiting_.size(); }

 private:
  ReportFile(int fd, std::string path, std::uint64_t length)
      : fd_(fd), path_(std::move(path)), length_(length) {}
  int fd_;
  std::string path_;
  std::uint64_t length_;
  std::string waiting_;
};

}  // namespace hauspost::transfer
