// LogTarget: what takes log lines in the end.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hauspost::supervisor {

class LogTarget {
 public:
  virtual ~LogTarget() = default;
  // Whole lines with their ends. Never blocks for long; what cannot be taken is dropped, counted
  // and told once a minute at most on our own standard error.
  virtual void write(std::string_view lines) = 0;
};

// systemd's journal: a datagram for each line, with HAUSPOST_ROLE, HAUSPOST_EVENT and a field
// HAUSPOST_KEY for each of its keys.
inline constexpr char kJournalSocket[] = "/run/systemd/journal/socket";
// kUnavailable: there is no journal.
Result<std::unique_ptr<LogTarget>> open_journal(const std::string& socket = kJournalSocket);
// Pure: the entry for one line without its end.
std::string journal_entry(std::string_view line);
// Whether standard error goes to the journal: JOURNAL_STREAM of systemd.exec(5).
bool stderr_is_journal();

}  // namespace hauspost::supervisor
