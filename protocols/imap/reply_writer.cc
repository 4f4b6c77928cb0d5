#include "protocols/imap/reply_writer.h"

namespace hauspost::imap {

void ReplyWriter::untagged(std::string_view line) {
  std::string& out = text();
  out += "* ";
  out += line;
  out += "\r\n";
}

void ReplyWriter::tagged(std::string_view tag, const Reply& reply) {
  append_tagged(text(), tag, reply);
}

Task<Result<>> ReplyWriter::flush() {
  if (output_.empty()) co_return Result<>{};
  const std::vector<std::string_view> parts = output_.parts();
  CO_TRY(co_await stream_.write(parts));
  bytes_written_ += output_.bytes();
  output_.clear();
  co_return Result<>{};
}

}  // namespace hauspost::imap
