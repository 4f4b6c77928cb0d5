// Files of other programs: opened without following links, read in pieces, never written.
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace hauspost::transfer {

class File {
 public:
  File() = default;
  // A regular file; a symbolic link, a pipe or a device is kInvalid, whatever it leads to. kDenied
  // says as whom it could not be read and what to do.
  static Result<File> open(const std::string& path);
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  const struct stat& facts() const { return facts_; }
  std::uint64_t size() const { return static_cast<std::uint64_t>(facts_.st_size); }
  int get() const { return fd_; }
  // 0 at the end.
  Result<std::size_t> read_at(std::uint64_t offset, char* to, std::size_t bytes_max) const;
  // All of it; kExhausted when that is more than `bytes_max`.
  Result<std::string> read_whole(std::uint64_t bytes_max) const;

 private:
  int fd_ = -1;
  struct stat facts_ = {};
  std::string path_;
};

// errno as an error that names the path, and for EACCES and EPERM the user we are and the way out.
Error file_error(const std::string& what, const std::string& path, int number);

// Lines of a file in pieces of bounded size.
class LineReader {
 public:
  struct Piece {
    std::string_view text;     // without the line end "\n"; a "\r" before it is in here
    std::uint64_t offset = 0;  // of its first byte
    bool begins = false;       // a line begins here
    bool ends = false;         // and ends here, with "\n"
  };
  explicit LineReader(File& file, std::uint64_t offset) : file_(file), offset_(offset) {}

  // False at the end of the file. The text holds until the next call.
  Result<bool> next(Piece& piece);
  std::uint64_t offset() const { return offset_; }  // behind the last piece

 private:
  static constexpr std::size_t kBufferBytes = 512 * 1024;
  Result<> fill();

  File& file_;
  std::uint64_t offset_;  // of buffer_[at_]
  std::string buffer_;
  std::size_t at_ = 0;
  bool begins_ = true;
  bool over_ = false;
};

}  // namespace hauspost::transfer
