// Session: what the command handlers work on. One object in the frame of serve().
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/signal.h"
#include "protocols/imap/client_input.h"
#include "protocols/imap/command.h"
#include "protocols/imap/deflate_stream.h"
#include "protocols/imap/dialect.h"
#include "protocols/imap/mailbox_view.h"
#include "protocols/imap/notifier.h"
#include "protocols/imap/reply_writer.h"
#include "protocols/imap/session.h"

namespace hauspost::imap {

enum class State : std::uint8_t {
  kAuthenticated = 1,
  kSelected = 2,
  kEnded = 4,  // BYE has been written
};

// REQUIRES: one thread; lives in the frame of serve().
class Session {
 public:
  // `activity` may be null.
  Session(Stream& stream, const link::SessionStart& start, const Services& services,
          Executor executor, SessionActivity* activity);

  Task<SessionEnd> run();

  // For the handlers.
  store::Database& database() { return services_.database; }
  const Services& services() const { return services_; }
  // The services' own, with what the user's rules add to them.
  const Limits& limits() const { return limits_; }
  const MailboxRules& rules() const { return rules_; }
  ReplyWriter& out() { return out_; }
  ClientInput& input() { return input_; }
  store::MailboxId mailbox() const { return mailbox_; }
  store::Actor actor() const;
  State state() const { return state_; }
  // REQUIRES: kSelected.
  MailboxView& view() { return *view_; }
  const std::string& tag() const { return tag_; }
  // Who logged in: mailbox of the user, and its primary address. Another than mailbox() when they
  // work in one that they have full access to.
  const Guid& identity() const { return identity_; }
  const std::string& user() const { return start_.user; }
  bool works_in_own() const { return identity_ == *start_.mailbox; }
  // The store of this moment with the user's own \Seen.
  store::Snapshot snapshot() const;
  // The folder of that path, others' below "Shared/" too; one snapshot's look. Without any right
  // there is none. See sharing.h.
  std::optional<store::Folder> find_folder(const std::string& path) const;

  // False: switched off for this mailbox or withdrawn from this device.
  bool offers(Extension extension) const { return !without_.has(extension); }
  // Everything that is not offered.
  Extensions without() const { return without_; }
  // The client says what it is (RFC 2971).
  void identify(const IdRequest& id);
  // The client broke a rule of that extension, which counts against its device.
  void note_fault(Extension extension, std::string_view cause);

  // What the client has switched on.
  const Dialect& dialect() const { return dialect_; }
  void set_dialect(const Dialect& dialect) { dialect_ = dialect; }
  // RFC 7162 section 3.1: from the first CONDSTORE command on MODSEQ is told with every change.
  bool condstore() const { return dialect_.condstore; }
  void enable_condstore() { dialect_.condstore = true; }

  // A view that listens already; select() makes it the selected mailbox, unselect() leaves it.
  std::unique_ptr<MailboxView> make_view(store::FolderId folder, bool read_only);
  void select(std::unique_ptr<MailboxView> view);
  void unselect();
  bool is_selected(store::FolderId folder) const;
  // Writes BYE; the session ends when its handler returns.
  void bye(std::string_view code_and_text);

  // From the next byte on both sides deflate (RFC 4978). REQUIRES: the reply has been flushed, and
  // it has not been called before.
  void start_compression() { stream_.start(); }
  bool compresses() const { return stream_.started(); }

  // Writes what happened to the selected mailbox. A client that wants to hear nothing of it (RFC
  // 5465) is told what it did itself and, when `asked`, of new messages. Errors: the client is gone.
  Task<Result<>> announce(bool with_expunges, bool asked = false);
  // Mailboxes that this user has full access to and the store has never seen are made.
  Task<Result<>> open_shared();
  // Writes what happened elsewhere that the client asked for. Errors: the client is gone.
  Task<Result<>> announce_others();
  // Made at the first call.
  Notifier& notifier();
  std::unique_ptr<store::MailboxWatch> watch_mailbox(store::MailboxId mailbox);
  // Writes and lets others run: between the pieces of one long response.
  Task<Result<>> let_others_run();
  // The same between the slices of long commands; see below. REQUIRES: no response is half written.
  Task<Result<>> breathe();
  // The same, and tells a client that has waited long how far it is (RFC 9585).
  Task<Result<>> breathe(std::uint64_t done, std::uint64_t total);
  // Waits for the client's next bytes, or with `watching` for news of the mailbox too. kTimeout
  // after the autologout time.
  Task<Result<Wake>> wait(bool watching);

 private:
  void enter(State state);
  Task<bool> open();
  void look_up_rules();
  void look_up_rights();
  std::string label() const;
  void look_up_offer();
  std::int64_t unix_now() const;
  Device device() const;
  Task<Result<>> refill();
  Task<Result<Wake>> wait_for_client();
  SelectedNews selected_news() const;
  Task<Result<>> handle(CommandReader::Event event);
  Task<Result<>> execute(RawCommand raw);
  Task<Result<Reply>> dispatch(Command& command);
  void answer(std::string_view tag, const Reply& reply);
  void tell_mod_sequence(Reply& reply);

  DeflateStream stream_;
  const link::SessionStart& start_;
  const Services& services_;
  Limits limits_;
  MailboxRules rules_;
  Extensions switched_off_;  // by the administrator, as the session began
  Extensions without_;
  std::string device_id_;  // as the client has said by now
  Executor executor_;
  ClientInput input_;
  ReplyWriter out_;
  State state_ = State::kAuthenticated;
  Guid identity_;
  store::MailboxId mailbox_;
  Signal news_;   // of the selected mailbox
  Signal quiet_;  // never set: waits for input alone
  std::unique_ptr<MailboxView> view_;
  std::unique_ptr<Notifier> notifier_;  // null: nothing but the selected mailbox was asked for
  std::string tag_;  // of the command under way
  Dialect dialect_;
  bool told_less_ = false;  // of mod-sequences, because of expunges held back
  std::chrono::steady_clock::time_point waits_since_;  // of the command under way or the last word
  std::size_t bad_commands_ = 0;
  SessionActivity unseen_;     // where nobody wants to know
  SessionActivity& activity_;
};

}  // namespace hauspost::imap
