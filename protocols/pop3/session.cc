#include "protocols/pop3/session.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/metrics.h"
#include "base/signal.h"
#include "protocols/pop3/capabilities.h"
#include "protocols/pop3/client_input.h"
#include "protocols/pop3/command.h"
#include "protocols/pop3/reply_writer.h"
#include "protocols/pop3/stuffing.h"

namespace hauspost::pop3 {

namespace {

constexpr std::size_t kSliceMessages = 20'000;  // looked at before others get their turn
constexpr std::string_view kInbox = "INBOX";

metrics::CounterFamily g_commands("hauspost_pop3_commands_total",
                                  "POP3 commands after login, by name.", {"command"});

// RFC 3206 section 4: whether it makes sense to try again.
std::string_view code_for(const Error& error) {
  const bool lasting = error.code == ErrorCode::kNotFound || error.code == ErrorCode::kCorrupt;
  return lasting ? "SYS/PERM" : "SYS/TEMP";
}

// REQUIRES: one thread; lives in the frame of serve().
class Session {
 public:
  // `activity` may be null.
  Session(Stream& stream, const link::SessionStart& start, const Services& services,
          SessionActivity* activity)
      : stream_(stream),
        start_(start),
        services_(services),
        input_(stream, services.limits),
        out_(stream),
        activity_(activity != nullptr ? *activity : unseen_) {}

  Task<SessionEnd> run();

 private:
  enum class State : std::uint8_t { kTransaction, kEnded };

  Task<Result<>> open();
  Task<Result<>> load(store::FolderId folder, store::Uid end);
  Task<Result<>> refill();
  Task<Result<>> handle(LineReader::Event event);
  Task<Result<>> execute(const Command& command);
  void stat();
  Task<Result<>> list(const Command& command);
  Task<Result<>> send(const Command& command);
  void mark(std::uint32_t number);
  Task<Result<>> quit();

  void append_listing(CommandName name, std::uint32_t number, const Maildrop::Message& message);
  Result<store::Body> read_body(store::Uid uid) const;
  std::string summary() const;
  void refuse(std::string_view words);
  void no_such_message() { out_.error("", "No such message"); }
  Task<Result<>> breathe();
  void enter(State state) { state_ = state; }
  store::Actor actor() const {
    return {.session = start_.session, .user = *start_.mailbox, .device = start_.device_id};
  }

  Stream& stream_;
  const link::SessionStart& start_;
  const Services& services_;
  ClientInput input_;
  ReplyWriter out_;
  State state_ = State::kTransaction;
  Signal quiet_;  // never set: waits for input alone
  store::FolderId inbox_;
  std::optional<Maildrop> drop_;  // set once open() said yes
  std::size_t bad_commands_ = 0;
  SessionActivity unseen_;  // where nobody wants to know
  SessionActivity& activity_;
};

Task<SessionEnd> Session::run() {
  stream_.set_timeout(services_.limits.write_progress);
  bool alive = (co_await open()).has_value();
  while (alive && state_ != State::kEnded) {
    const LineReader::Event event = input_.next();
    const Result<> done =
        event == LineReader::Event::kNeedMore ? co_await refill() : co_await handle(event);
    alive = done.has_value();
    if (alive && out_.full()) alive = (co_await out_.flush()).has_value();
  }
  if (alive) alive = (co_await out_.flush()).has_value();
  co_return alive ? SessionEnd::kInOrder : SessionEnd::kBroken;
}

// Answers the command that the front-end handed over with this client. Errors: the client is gone.
Task<Result<>> Session::open() {
  const auto mailbox =
      co_await services_.database.open_mailbox(actor(), *start_.mailbox, start_.user);
  std::optional<store::Folder> inbox;
  if (mailbox) inbox = services_.database.snapshot().find_folder(*mailbox, kInbox);
  if (!inbox) {
    out_.error("SYS/TEMP", "The mailbox cannot be opened");
    enter(State::kEnded);
    co_return Result<>{};
  }
  inbox_ = inbox->id;
  drop_.emplace(inbox->uid_validity, services_.order);
  CO_TRY(co_await load(inbox->id, inbox->uid_next));
  out_.ok("Logged in, " + summary());
  co_return Result<>{};
}

// Every message below `end`, so that what comes in the meantime does not belong to this session.
Task<Result<>> Session::load(store::FolderId folder, store::Uid end) {
  std::uint32_t next = 1;
  while (next < end.value) {
    std::size_t left = kSliceMessages;
    const store::UidRange range{next, end.value - 1};
    services_.database.snapshot().for_each_message(folder, range, [&](const store::Message& m) {
      drop_->add(m.uid, m.size);
      next = m.uid.value + 1;
      return --left > 0;
    });
    if (left > 0) break;
    CO_TRY(co_await breathe());
  }
  co_return Result<>{};
}

// Everything at hand is done: what was answered leaves in one write, then the client's turn.
Task<Result<>> Session::refill() {
  CO_TRY(co_await out_.flush());
  input_.release_buffer();
  CO_TRY_ASSIGN(const Wake wake, co_await stream_.wait_input(quiet_, services_.limits.autologout));
  if (wake == Wake::kTimeout) {
    // RFC 1939 section 3: closed without a word and without the UPDATE state.
    log::info("pop3.autologout", {{"session", start_.session.to_string()}});
    enter(State::kEnded);
    co_return Result<>{};
  }
  CO_TRY_ASSIGN(const bool more, co_await input_.fill());
  if (!more) co_return fail(ErrorCode::kUnavailable, "client left without QUIT");
  co_return Result<>{};
}

Task<Result<>> Session::handle(LineReader::Event event) {
  switch (event) {
    case LineReader::Event::kNeedMore: break;
    case LineReader::Event::kLine: {
      const auto command = parse_command(input_.line());
      if (command) co_return co_await execute(*command);
      refuse(command.error().text);
      break;
    }
    case LineReader::Event::kTooLong: refuse("Line is too long"); break;
    case LineReader::Event::kLineEnd: refuse("Lines end in CRLF"); break;
    case LineReader::Event::kFlood:
      out_.error("", "Line is too long");
      enter(State::kEnded);
      break;
  }
  co_return Result<>{};
}

Task<Result<>> Session::execute(const Command& command) {
  activity_.command = word_of(command.name);
  activity_.folder = inbox_;
  g_commands.with({activity_.command}).add();
  switch (command.name) {
    case CommandName::kStat: stat(); break;
    case CommandName::kList:
    case CommandName::kUidl: co_return co_await list(command);
    case CommandName::kRetr:
    case CommandName::kTop: co_return co_await send(command);
    case CommandName::kDele: mark(*command.message); break;
    case CommandName::kNoop: out_.ok("Nothing done"); break;
    case CommandName::kRset:
      drop_->unmark_all();
      out_.ok(summary());
      break;
    case CommandName::kQuit: co_return co_await quit();
    case CommandName::kCapa:
      out_.text() += capability_reply({.may_log_in = true, .logged_in = true});
      break;
    case CommandName::kLang: out_.text() += language_reply(command.word); break;
    case CommandName::kAuth:
    case CommandName::kPass:
    case CommandName::kStls:
    case CommandName::kUser:
    case CommandName::kUtf8: refuse("Already logged in"); break;
  }
  co_return Result<>{};
}

// Too many end the session.
void Session::refuse(std::string_view words) {
  out_.error("", words);
  if (++bad_commands_ > services_.limits.bad_commands_max) enter(State::kEnded);
}

std::string Session::summary() const {
  const std::string_view plural = drop_->count() == 1 ? "" : "s";
  return fmt::format("{} message{} ({} octets)", drop_->count(), plural, drop_->bytes());
}

void Session::stat() { out_.ok(fmt::format("{} {}", drop_->count(), drop_->bytes())); }

void Session::append_listing(CommandName name, std::uint32_t number,
                             const Maildrop::Message& message) {
  auto out = std::back_inserter(out_.text());
  if (name == CommandName::kList)
    fmt::format_to(out, "{} {}\r\n", number, message.bytes);
  else
    fmt::format_to(out, "{} {}\r\n", number, drop_->unique_id(message.uid));
}

// LIST and UIDL.
Task<Result<>> Session::list(const Command& command) {
  if (command.message) {
    const auto message = drop_->find(*command.message);
    if (!message) {
      no_such_message();
      co_return Result<>{};
    }
    out_.text() += "+OK ";
    append_listing(command.name, *command.message, *message);
    co_return Result<>{};
  }
  out_.ok(summary());
  for (std::uint32_t number = 1; number <= drop_->size(); ++number) {
    if (const auto message = drop_->find(number)) append_listing(command.name, number, *message);
    if (out_.full()) CO_TRY(co_await breathe());
  }
  out_.text() += ".\r\n";
  co_return Result<>{};
}

Result<store::Body> Session::read_body(store::Uid uid) const {
  const store::Snapshot snapshot = services_.database.snapshot();
  const auto message = snapshot.message(inbox_, uid);
  if (!message) return fail(ErrorCode::kNotFound, "expunged");
  return snapshot.body(message->body);
}

// RETR and TOP.
Task<Result<>> Session::send(const Command& command) {
  const auto message = drop_->find(*command.message);
  if (!message) {
    no_such_message();
    co_return Result<>{};
  }
  const auto body = read_body(message->uid);
  if (!body && body.error().code == ErrorCode::kNotFound) {
    out_.error("", "The message was removed by another session");
    co_return Result<>{};
  }
  if (!body) {
    log::error("pop3.message.unreadable", {{"session", start_.session.to_string()},
                                           {"folder", inbox_.value},
                                           {"uid", message->uid.value},
                                           {"error", body.error()}});
    out_.error(code_for(body.error()), "The message cannot be read");
    co_return Result<>{};
  }
  std::string_view bytes = body->bytes;
  if (command.name == CommandName::kTop) {
    bytes = bytes.substr(0, top_bytes(bytes, command.lines));
    out_.ok("Top of message follows");
  } else {
    out_.ok(fmt::format("{} octets", bytes.size()));
  }
  Stuffing stuffing(bytes);
  while (const auto run = stuffing.next()) {
    if (run->dot) out_.text() += '.';
    out_.add_view(run->bytes, *body);
    if (out_.full()) CO_TRY(co_await breathe());
  }
  const bool open_line = !bytes.empty() && !bytes.ends_with('\n');
  out_.text() += open_line ? "\r\n.\r\n" : ".\r\n";
  co_return Result<>{};
}

void Session::mark(std::uint32_t number) {
  if (drop_->mark(number))
    out_.ok("Will be deleted at QUIT");
  else
    no_such_message();
}

// RFC 1939 section 6. What another session removed first is no failure.
Task<Result<>> Session::quit() {
  enter(State::kEnded);
  const store::UidSet marked = drop_->marked();
  if (!marked.empty()) {
    const auto removed = co_await services_.database.expunge(actor(), inbox_, marked, false);
    if (!removed) {
      log::error("pop3.delete.failed", {{"session", start_.session.to_string()},
                                        {"messages", marked.count()},
                                        {"error", removed.error()}});
      out_.error(code_for(removed.error()), "Nothing was deleted");
      co_return Result<>{};
    }
    log::info("pop3.deleted", {{"session", start_.session.to_string()},
                               {"marked", marked.count()},
                               {"messages", removed->count()}});
  }
  out_.ok("Goodbye");
  co_return Result<>{};
}

// Writes and lets others run: between the slices of long commands.
Task<Result<>> Session::breathe() {
  if (out_.full()) CO_TRY(co_await out_.flush());
  co_await yield_now();
  // A task that only yields would never notice that it was cancelled.
  if (was_cancelled(co_await asio::this_coro::cancellation_state))
    co_return fail(ErrorCode::kCancelled, "session");
  co_return Result<>{};
}

}  // namespace

Task<SessionEnd> serve(Stream& stream, const link::SessionStart& start, const Services& services,
                       SessionActivity* activity) {
  Session session(stream, start, services, activity);
  co_return co_await session.run();
}

}  // namespace hauspost::pop3
