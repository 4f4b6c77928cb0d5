#include "protocols/imap/session.h"

#include <fmt/format.h>

#include "base/log.h"
#include "protocols/imap/command_counts.h"
#include "protocols/imap/command_table.h"
#include "protocols/imap/message_stream.h"
#include "protocols/imap/session_core.h"
#include "protocols/imap/sharing.h"

namespace hauspost::imap {
namespace {

// How long a client waits for a sign of life (RFC 9585 section 4 asks for seconds, not minutes).
constexpr Duration kInProgressInterval = std::chrono::seconds(10);
// RFC 7888 section 5.
constexpr std::uint64_t kLiteralMinusBytes = 4096;

// Why what a client sent did not become a command, for the log; empty: nothing is wrong.
std::string_view refusal_of(CommandReader::Event event) {
  using enum CommandReader::Event;
  switch (event) {
    case kNeedMore:
    case kCommand:
    case kContinue: break;
    case kLiteralTooBig:
    case kFatal: return "literal is too big";
    case kLineTooLong: return "line is too long";
    case kLineEnd: return "line does not end in CRLF";
  }
  return {};
}

}  // namespace

std::string capabilities(const Limits& limits, Extensions without) {
  without = with_dependents(without);
  if (limits.command_messages_max == 0) without.add(Extension::kMessageLimit);
  if (!without.has(Extension::kLiteralPlus)) without.add(Extension::kLiteralMinus);
  std::string out = "IMAP4rev1";
  for (std::size_t i = 0; i < static_cast<std::size_t>(Extension::kCount); ++i) {
    const auto extension = static_cast<Extension>(i);
    if (without.has(extension)) continue;
    out += ' ';
    out += name_of(extension);
    if (extension == Extension::kAppendLimit) out += fmt::format("={}", limits.message_bytes_max);
    if (extension == Extension::kMessageLimit)
      out += fmt::format("={}", limits.command_messages_max);
  }
  return out;
}

Task<SessionEnd> serve(Stream& stream, const link::SessionStart& start, const Services& services,
                       SessionActivity* activity) {
  const Executor executor = co_await asio::this_coro::executor;
  Session session(stream, start, services, executor, activity);
  co_return co_await session.run();
}

Session::Session(Stream& stream, const link::SessionStart& start, const Services& services,
                 Executor executor, SessionActivity* activity)
    : stream_(stream),
      start_(start),
      services_(services),
      limits_(services.limits),
      device_id_(start.device_id),
      executor_(executor),
      input_(stream_, services.limits),
      out_(stream_),
      identity_(start.identity.value_or(*start.mailbox)),
      activity_(activity != nullptr ? *activity : unseen_) {}

void Session::enter(State state) {
  state_ = state;
  activity_.folder = view_ != nullptr && state == State::kSelected ? view_->folder()
                                                                   : store::FolderId();
}

store::Actor Session::actor() const {
  return {.session = start_.session, .user = identity_, .device = start_.device_id};
}

Task<SessionEnd> Session::run() {
  stream_.set_timeout(services_.limits.write_progress);
  bool alive = co_await open();
  while (alive && state_ != State::kEnded) {
    const CommandReader::Event event = input_.next();
    const Result<> done =
        event == CommandReader::Event::kNeedMore ? co_await refill() : co_await handle(event);
    alive = done.has_value();
    if (alive && out_.full()) alive = (co_await out_.flush()).has_value();
  }
  if (stream_.damaged()) note_fault(Extension::kCompress, "sent what is no deflate data");
  view_.reset();
  if (alive) alive = (co_await out_.flush()).has_value();
  co_return alive ? SessionEnd::kInOrder : SessionEnd::kBroken;
}

// What a mailbox that the store has never seen is called.
std::string Session::label() const {
  if (works_in_own() || services_.people == nullptr) return start_.user;
  const auto owner = services_.people->person(*start_.mailbox);
  return owner ? owner->address : start_.user;
}

// Answers the LOGIN or AUTHENTICATE that the front-end handed over with this client.
Task<bool> Session::open() {
  const std::string_view tag =
      start_.client_tag.empty() ? "*" : std::string_view(start_.client_tag);
  const auto opened = co_await database().open_mailbox(actor(), *start_.mailbox, label());
  if (!opened) {
    out_.tagged(tag, reply_for(opened.error()));
    bye("[UNAVAILABLE] The mailbox cannot be opened");
    co_return true;
  }
  mailbox_ = *opened;
  static_cast<void>(co_await open_shared());  // what cannot be made now is not shown
  if (services_.rules) {
    const MailboxRules rules = services_.rules(*start_.mailbox);
    switched_off_ = rules.without;
    limits_.command_messages_max = rules.command_messages_max;
  }
  look_up_offer();
  look_up_rules();
  out_.tagged(tag, ok("Logged in", "CAPABILITY " + capabilities(limits_, without_)));
  co_return true;
}

// What the administrator switches off while a session lasts holds for the next one.
void Session::look_up_offer() {
  Extensions without = switched_off_;
  if (limits_.command_messages_max == 0) without.add(Extension::kMessageLimit);
  without.add(never_for(device_id_));
  if (services_.withdrawals != nullptr)
    without.add(services_.withdrawals->of(device(), unix_now()));
  without_ = with_dependents(without);
  if (!offers(Extension::kLiteralPlus))
    limits_.unasked_bytes_max = offers(Extension::kLiteralMinus) ? kLiteralMinusBytes : 0;
  input_.reader().set_limits(limits_);
}

std::int64_t Session::unix_now() const {
  return std::chrono::floor<Seconds>(services_.clock.now()).time_since_epoch().count();
}

Device Session::device() const {
  return {.mailbox = *start_.mailbox,
          .user = start_.user,
          .id = device_id_,
          .address = start_.client_address};
}

void Session::identify(const IdRequest& id) {
  device_id_ = device_id(id);
  look_up_offer();
}

void Session::note_fault(Extension extension, std::string_view cause) {
  log::info("imap.extension.fault", {{"session", start_.session.to_string()},
                                     {"extension", name_of(extension)},
                                     {"device", device_id_},
                                     {"cause", cause}});
  if (services_.withdrawals == nullptr ||
      !services_.withdrawals->note_fault(device(), extension, cause, unix_now()))
    return;
  log::warning("imap.extension.withdrawn", {{"session", start_.session.to_string()},
                                            {"user", start_.user},
                                            {"client", start_.client_address},
                                            {"device", device_id_},
                                            {"extension", name_of(extension)},
                                            {"cause", cause}});
}

// They may change at any time and hold from the next command on.
void Session::look_up_rules() {
  if (!services_.rules) return;
  rules_ = services_.rules(*start_.mailbox);
  limits_.message_bytes_max =
      std::min(services_.limits.message_bytes_max, rules_.message_bytes_max);
  input_.reader().set_limits(limits_);
}

// Everything at hand is done: what was answered leaves in one write, then the client's turn.
Task<Result<>> Session::refill() {
  CO_TRY_ASSIGN(const Wake wake, co_await wait_for_client());
  if (state_ == State::kEnded) co_return Result<>{};
  if (wake == Wake::kTimeout) {
    bye("Autologout; idle for too long");
    co_return Result<>{};
  }
  look_up_rules();
  if (rules_.gone) {
    bye("[UNAVAILABLE] The account was taken away");
    co_return Result<>{};
  }
  CO_TRY_ASSIGN(const bool more, co_await input_.fill());
  if (!more) co_return fail(ErrorCode::kUnavailable, "client left without LOGOUT");
  co_return Result<>{};
}

// What NOTIFY asks for is told meanwhile.
Task<Result<Wake>> Session::wait_for_client() {
  for (;;) {
    const bool pushes = notifier_ != nullptr && notifier_->pushes();
    if (pushes) {
      waits_since_ = services_.clock.steady();
      const SelectedNews news = selected_news();
      if (state_ == State::kSelected && news.pushed)
        CO_TRY(co_await announce(news.pushed_expunges));
      if (state_ != State::kEnded) CO_TRY(co_await announce_others());
    }
    CO_TRY(co_await out_.flush());
    if (state_ == State::kEnded) co_return Wake::kSignal;
    input_.release_buffer();
    CO_TRY_ASSIGN(const Wake wake, co_await wait(pushes));
    if (wake != Wake::kSignal) co_return wake;
  }
}

Task<Result<Wake>> Session::wait(bool watching) {
  out_.release_buffer();
  co_return co_await stream_.wait_input(watching ? news_ : quiet_, services_.limits.autologout);
}

Task<Result<>> Session::handle(CommandReader::Event event) {
  using enum CommandReader::Event;
  CommandReader& reader = input_.reader();
  if (const std::string_view refused = refusal_of(event); !refused.empty())
    log::info("imap.command.refused", {{"session", start_.session.to_string()}, {"error", refused}});
  switch (event) {
    case kNeedMore: break;
    case kCommand: co_return co_await execute(reader.take());
    case kContinue: out_.text() += "+ OK\r\n"; break;
    case kLiteralTooBig:
      answer(reader.tag(), {reader.is_append() ? ReplyStatus::kNo : ReplyStatus::kBad, "TOOBIG",
                            "Literal is too big"});
      break;
    case kLineTooLong: answer(reader.tag(), bad("Line is too long")); break;
    case kLineEnd: answer(reader.tag(), bad("Line does not end in CRLF")); break;
    case kFatal: bye("[TOOBIG] Literal is too big"); break;
  }
  co_return Result<>{};
}

// Too many BADs end the session.
void Session::answer(std::string_view tag, const Reply& reply) {
  out_.tagged(tag, reply);
  if (reply.code == "UIDREQUIRED")
    note_fault(Extension::kUidOnly, "used sequence numbers after ENABLE UIDONLY");
  if (reply.status == ReplyStatus::kBad && ++bad_commands_ > services_.limits.bad_commands_max)
    bye("Too many bad commands");
}

Task<Result<>> Session::execute(RawCommand raw) {
  waits_since_ = services_.clock.steady();
  ParsedCommand parsed = parse_command(std::move(raw), limits_, dialect_.utf8, without_);
  tag_ = std::move(parsed.tag);
  if (!parsed.command) {
    const ParseError& error = parsed.command.error();
    log::info(
        "imap.command.refused",
        {{"session", start_.session.to_string()}, {"error", error.text}, {"offset", error.offset}});
    if (error.breaks != Extension::kCount) note_fault(error.breaks, error.text);
    if (error.forgets_saved && view_ != nullptr) view_->save({});
    answer(tag_, reply_for(error));
    co_return Result<>{};
  }
  CO_TRY_ASSIGN(const Reply reply, co_await dispatch(*parsed.command));
  // After BYE only LOGOUT still has an answer to come.
  if (state_ == State::kEnded && parsed.command->name != CommandName::kLogout) co_return Result<>{};
  if (!reply.written) answer(tag_, reply);
  co_return Result<>{};
}

Task<Result<Reply>> Session::dispatch(Command& command) {
  const CommandEntry& entry = command_entry(command.name);
  if (entry.states == 0) co_return bad("Already logged in");
  if ((entry.states & static_cast<std::uint8_t>(state_)) == 0) co_return bad("No mailbox selected");
  if (!without_.empty() && used_by(command).has_any(without_)) co_return bad("unknown argument");
  if (dialect_.uid_only && entry.numbered && !command.uid) co_return uid_required();
  look_up_rights();
  if (state_ == State::kEnded) co_return Reply{};
  // UIDs may come from another session of the same client, which has been told of them already.
  if (command.uid) CO_TRY(co_await announce(false, true));
  if (state_ == State::kEnded) co_return Reply{};
  activity_.command = entry.word;
  const auto begun = std::chrono::steady_clock::now();
  auto answered = co_await entry.handler(*this, command);
  count_command(entry, answered, std::chrono::steady_clock::now() - begun);
  CO_TRY_ASSIGN(Reply reply, std::move(answered));
  if (reply.text.empty()) reply.text = fmt::format("{} completed", entry.word);
  if (entry.news != News::kNone && state_ == State::kSelected) {
    CO_TRY(co_await announce(entry.news == News::kAll));
    if (dialect_.qresync && state_ == State::kSelected) tell_mod_sequence(reply);
  }
  if (entry.news != News::kNone && state_ != State::kEnded) CO_TRY(co_await announce_others());
  co_return reply;
}

// RFC 7162 section 3.2: a client that saw MODSEQ above that of an expunge it has not been told of
// must not take it for the state it knows. The folder may also be ahead of its events.
void Session::tell_mod_sequence(Reply& reply) {
  // Nor has a client been told what it keeps from itself by NOTIFY.
  if (const SelectedNews news = selected_news(); !news.messages || !news.flags) return;
  const store::ModSeq told = view_->told();
  const auto folder = database().snapshot().folder(view_->folder());
  const bool less = view_->holds_expunges() || (folder && folder->highest_modseq > told);
  if (reply.tells_modseq && reply.status == ReplyStatus::kOk) {
    reply.code = fmt::format("HIGHESTMODSEQ {}", told.value);
  } else if (less || told_less_) {
    out_.untagged(fmt::format("OK [HIGHESTMODSEQ {}] Known so far", told.value));
  }
  told_less_ = less;
}

std::optional<store::Folder> Session::find_folder(const std::string& path) const {
  return find_visible(*this, path);
}

store::Snapshot Session::snapshot() const {
  store::Snapshot snapshot = services_.database.snapshot();
  if (services_.people != nullptr || !works_in_own()) snapshot.view_as(identity_);
  return snapshot;
}

Task<Result<>> Session::open_shared() {
  if (!has_shared(*this)) co_return Result<>{};
  for (const Person& person : services_.people->full_access_of(identity_)) {
    if (services_.database.snapshot().mailbox(person.mailbox)) continue;
    CO_TRY(co_await database().open_mailbox(actor(), person.mailbox, person.address));
  }
  co_return Result<>{};
}

// Those on the selected mailbox may be changed at any time.
void Session::look_up_rights() {
  if (state_ != State::kSelected || (view_->is_own() && works_in_own())) return;
  const auto folder = snapshot().folder(view_->folder());
  if (!folder) return;  // the news say so
  const store::RightBits rights = rights_on(*this, *folder);
  view_->look_as(identity_, rights, false);
  if ((rights & store::kMayRead) == 0) bye("[NOPERM] The selected mailbox may not be read any more");
}

std::unique_ptr<MailboxView> Session::make_view(store::FolderId folder, bool read_only) {
  auto view = std::make_unique<MailboxView>(database(), folder, read_only, start_.session,
                                            executor_, news_);
  if (dialect_.rev2) view->speak_rev2();
  return view;
}

void Session::select(std::unique_ptr<MailboxView> view) {
  view_ = std::move(view);
  enter(State::kSelected);
}

void Session::unselect() {
  view_.reset();
  enter(State::kAuthenticated);
}

bool Session::is_selected(store::FolderId folder) const {
  return view_ != nullptr && view_->folder() == folder;
}

void Session::bye(std::string_view code_and_text) {
  out_.untagged(fmt::format("BYE {}", code_and_text));
  view_.reset();
  enter(State::kEnded);
}

SelectedNews Session::selected_news() const {
  return notifier_ != nullptr ? notifier_->selected() : SelectedNews{};
}

Notifier& Session::notifier() {
  if (notifier_ == nullptr) notifier_ = std::make_unique<Notifier>(*this);
  return *notifier_;
}

std::unique_ptr<store::MailboxWatch> Session::watch_mailbox(store::MailboxId mailbox) {
  return std::make_unique<store::MailboxWatch>(database(), mailbox, actor(), executor_, news_);
}

Task<Result<>> Session::announce_others() {
  if (notifier_ != nullptr) CO_TRY(co_await notifier_->announce());
  co_return Result<>{};
}

Task<Result<>> Session::announce(bool with_expunges, bool asked) {
  look_up_rights();
  if (state_ == State::kEnded) co_return Result<>{};
  const SelectedNews news = selected_news();
  view_->keep_fresh(news.items != nullptr);
  bool more = view_->collect(with_expunges);
  if (!news.flags) view_->drop_flags();
  if (!news.messages && !asked && !view_->has_own_news() && !view_->deleted())
    co_return Result<>{};
  while (more) {
    {
      const store::Snapshot snapshot = this->snapshot();
      more = view_->announce(snapshot, with_expunges, dialect_, out_.output());
    }
    if (view_->deleted()) {
      bye("The selected mailbox was deleted");
      co_return Result<>{};
    }
    if (more) CO_TRY(co_await let_others_run());
  }
  view_->told_own_news();
  const store::UidSet fresh = view_->take_fresh();
  if (news.items != nullptr && !fresh.empty()) {
    FetchWriter writer(*news.items, dialect_.uid_only);
    CO_TRY(co_await stream_messages(*this, fresh, writer));
  }
  co_return Result<>{};
}

Task<Result<>> Session::breathe() { co_return co_await breathe(0, 0); }

Task<Result<>> Session::breathe(std::uint64_t done, std::uint64_t total) {
  const auto now = services_.clock.steady();
  if (offers(Extension::kInProgress) && now - waits_since_ >= kInProgressInterval) {
    waits_since_ = now;
    const std::string how_far =
        total > 0 ? fmt::format("{} {}", std::min(done, total), total) : "NIL NIL";
    out_.untagged(fmt::format("OK [INPROGRESS (\"{}\" {})] Still at work", tag_, how_far));
    CO_TRY(co_await out_.flush());
  }
  co_return co_await let_others_run();
}

Task<Result<>> Session::let_others_run() {
  if (out_.full()) CO_TRY(co_await out_.flush());
  co_await yield_now();
  // A task that only yields would never notice that it was cancelled.
  if (was_cancelled(co_await asio::this_coro::cancellation_state))
    co_return fail(ErrorCode::kCancelled, "session");
  co_return Result<>{};
}

}  // namespace hauspost::imap
