// FetchWriter: one FETCH command's items rendered for message after message (RFC 3501 section
// 7.4.2; BINARY: RFC 3516 section 4.3; MODSEQ: RFC 7162 section 3.1.4).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "protocols/imap/command.h"
#include "protocols/imap/fetch_output.h"
#include "store/snapshot.h"

namespace hauspost::imap {

// "(\Seen $Forwarded \Recent)".
void append_flags(std::string& out, const store::Folder& folder, store::FlagBits flags,
                  bool recent);
// A quoted date-time in UTC: "17-Jul-1996 09:44:25 +0000" with its quotes, day of two characters.
void append_internal_date(std::string& out, std::int64_t unix_s);

enum class FetchOutcome : std::uint8_t {
  kWritten,
  kUnknownEncoding,  // BINARY of a part whose transfer encoding is not known: NO [UNKNOWN-CTE]
};

class FetchWriter {
 public:
  // `items` must outlive the writer. `uid_only`: UIDFETCH responses (RFC 9586).
  explicit FetchWriter(std::span<const FetchItem> items, bool uid_only = false);

  bool needs_body() const { return needs_body_; }
  bool sets_seen() const { return sets_seen_; }

  // Appends "* sequence FETCH (...)" CRLF, or "* uid UIDFETCH (...)". `folder` names the keywords
  // and may be a newer one than that of the call before. On failure (the body cannot be read:
  // kNotFound, kCorrupt) and on kUnknownEncoding the output is as it was. Items that need no body
  // never touch it.
  Result<FetchOutcome> write(const store::Snapshot& snapshot, const store::Folder& folder,
                             const store::Message& message, std::uint32_t sequence, bool recent,
                             FetchOutput& out);

 private:
  struct Rendering;  // one message under way
  struct Item {
    const FetchItem* item = nullptr;
    std::string label;  // what stands before the value, partial's origin included
  };
  const std::string& flags_text(const store::Folder& folder, store::FlagBits flags, bool recent);
  void write_plain(const Item& item, const store::Folder& folder, const store::Message& message,
                   bool recent, std::string& out);
  Result<bool> write_from_body(const Item& item, Rendering& rendering, FetchOutput& out);

  std::vector<Item> items_;
  bool uid_only_;
  bool needs_body_ = false;
  bool sets_seen_ = false;
  // Neighbours mostly carry the same flags: the text of the last ones.
  std::string flags_text_;
  store::FlagBits flags_ = 0;
  std::size_t keywords_ = 0;
  bool flags_recent_ = false;
};

}  // namespace hauspost::imap
