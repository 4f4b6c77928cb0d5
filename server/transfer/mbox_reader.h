// MboxReader: the messages of one mbox file, one behind the other, whatever its size. mboxrd, mboxo
// and mboxcl2 by a Content-Length that holds; lines end in LF or CRLF.
#pragma once

#include "server/transfer/file.h"
#include "server/transfer/item.h"
#include "server/transfer/mbox_line.h"

namespace hauspost::transfer {

class MboxReader {
 public:
  // `offset`: 0, or where offset() was. `name` is for Item::where.
  MboxReader(File& file, std::string name, std::uint64_t offset, Limits limits);

  // Fills all of `item`; its folder stays empty unless the file itself names one. False at the end.
  Result<bool> next(Item& item);
  // Where the next message's separator stands, or the end of the file.
  std::uint64_t offset() const { return next_offset_; }

 private:
  struct Building;
  Result<> read_message(Item& item);
  Result<bool> skip_to_separator(Item& item);
  Result<> end_header(Building& message);
  Result<bool> is_whole(std::uint64_t begin, std::uint64_t length) const;
  void add_line(Building& message, std::string_view text, bool ends) const;
  void finish(Building& message, Item& item) const;

  File& file_;
  const std::string name_;
  const Limits limits_;
  LineReader lines_;
  std::uint64_t next_offset_;
  bool at_message_ = false;  // its separator has been read
  bool began_ = false;
  std::int64_t date_s_ = 0;
};

// Whether the file begins as an mbox does. An empty one does too.
bool looks_like_mbox(const File& file);

}  // namespace hauspost::transfer
