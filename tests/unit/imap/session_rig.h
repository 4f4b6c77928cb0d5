// IMAP sessions on a real database in a temporary folder, driven by transcripts.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/memory_stream.h"
#include "base/task_group.h"
#include "protocols/imap/session.h"
#include "tests/unit/temp_folder.h"

namespace hauspost::imap::test {

class StillClock final : public Clock {
 public:
  WallTime now() const override { return wall; }
  std::chrono::steady_clock::time_point steady() const override { return moment += step; }
  mutable std::chrono::steady_clock::time_point moment;
  Duration step{};  // by which each look at it moves the steady clock
  WallTime wall = WallTime(std::chrono::seconds(1795288500));  // 21 Nov 2026 19:15:00 +0000
};

// One database and its mailbox.
class Rig {
 public:
  Rig();
  ~Rig();

  // Delivers to a folder of the mailbox and returns the UID.
  std::uint32_t deliver(std::string message, std::string folder = "INBOX");
  // `count` small messages "Subject: message N".
  void fill(int count);
  template <class T>
  T wait_for(Task<T> task);
  void run_until(const std::function<bool()>& condition);

  hauspost::test::TempFolder folder;
  asio::io_context io;
  std::unique_ptr<store::Database> database;
  StillClock clock;
  Guid mailbox = Guid::random();
  Limits limits;
  std::optional<Services> services;  // made when the first client comes
};

// A client logged in to the rig's mailbox.
class Client {
 public:
  explicit Client(Rig& rig);
  // Somebody else; `opens`: in a mailbox that is not theirs.
  Client(Rig& rig, const Guid& identity, std::string address, std::optional<Guid> opens = {});
  ~Client();

  // Lines: "C: text" is sent with CRLF; "S: text" is the next line that must come, "..." in it
  // stands for anything; "S* text" skips lines until one matches; "S- " and nothing more: no line
  // is waiting; "-- ..." is a remark.
  void talk(std::string_view transcript);
  void send(std::string_view bytes);
  // Sends a command under a tag of its own and returns everything up to its tagged line.
  std::string ask(std::string_view command);
  // True when nothing that came is left unread, after the session had time to say more.
  bool quiet();
  // The client's side ends without a word.
  void hang_up();
  std::string next_line();
  // Everything up to the session's end, line or not.
  std::string rest();
  // Waits until the session has ended.
  SessionEnd end();
  bool ended() const { return end_.has_value(); }

 private:
  static Task<void> host(Stream& stream, const link::SessionStart& start, const Services& services,
                         std::optional<SessionEnd>& end);
  static Task<void> listen(Stream& stream, std::string& heard, bool& closed);

  Rig& rig_;
  link::SessionStart start_;
  std::unique_ptr<MemoryStream> mine_;
  std::unique_ptr<MemoryStream> theirs_;
  std::string heard_;
  bool closed_ = false;
  std::optional<SessionEnd> end_;
  int tags_ = 0;
  TaskGroup tasks_;
};

bool line_matches(std::string_view pattern, std::string_view line);

template <class T>
Task<void> keep_result(Task<T> task, std::optional<T>& result) {
  result = co_await std::move(task);
}

template <class T>
T Rig::wait_for(Task<T> task) {
  std::optional<T> result;
  TaskGroup tasks(io.get_executor());
  tasks.spawn("test", keep_result(std::move(task), result));
  run_until([&] { return tasks.size() == 0; });
  return std::move(*result);
}

}  // namespace hauspost::imap::test
