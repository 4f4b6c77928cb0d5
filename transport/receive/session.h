// One SMTP dialogue behind the front-end.
#pragma once

#include "protocols/session_end.h"
#include "protocols/smtp/data_reader.h"
#include "protocols/smtp/line_input.h"
#include "transport/filter/filters.h"
#include "transport/receive/hand_over.h"
#include "transport/receive/header_scan.h"

namespace hauspost::transport {

class Session {
 public:
  Session(Stream& stream, const link::SessionStart& start, Services& services);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Task<SessionEnd> run();

 private:
  // What has been said so far; the bits name sets of states in the command table.
  enum class State : std::uint8_t {
    kReady = 1,   // no transaction
    kMail = 2,    // MAIL was taken
    kRcpt = 4,    // and at least one RCPT
    kChunks = 8,  // and at least one BDAT
    kEnded = 16,
  };
  struct Rule;
  static const Rule& rule_of(smtp::Verb verb);

  struct Answer {
    smtp::Reply reply;
    Milliseconds delay{};
  };

  // Dialogue (session.cc)
  Task<SessionEnd> converse();
  Task<Result<>> answer_line(const smtp::LineScan& scan);
  Task<Result<>> answer_command(const smtp::Command& command);
  Task<Result<>> say(Answer answer);
  Task<Result<>> flush();
  Task<SessionEnd> end_after(Error error);
  void enter(State state) { state_ = state; }
  void reset();
  std::optional<smtp::Reply> check_session();
  // Our name in replies.
  const std::string& name() const;
  std::optional<smtp::Reply> check_state(smtp::Verb verb);

  // Commands: check, then do (commands.cc)
  Answer on(const smtp::EhloCommand& command);
  Answer on(const smtp::MailCommand& command);
  Answer on(const smtp::RcptCommand& command);
  Answer on(const smtp::RsetCommand& command);
  Answer on(const smtp::NoopCommand& command);
  Answer on(const smtp::QuitCommand& command);
  Answer on(const smtp::VrfyCommand& command);
  Answer on(const smtp::ExpnCommand& command);
  Answer on(const smtp::HelpCommand& command);
  std::optional<Answer> check_mail(const smtp::MailCommand& command);
  std::optional<smtp::Reply> check_parameters(const smtp::MailCommand& command) const;
  std::optional<smtp::Reply> check_pressure() const;
  std::optional<smtp::Reply> check_offered(smtp::ExtensionBits used) const;
  std::uint64_t hold_max_s() const;
  std::optional<Answer> check_rcpt(const smtp::RcptCommand& command, TakenRecipient& taken);

  // Filters: after MAIL and RCPT were found right (session.cc)
  Task<Answer> filter_mail(Answer taken);
  Task<Answer> filter_rcpt(Answer taken, const smtp::RcptCommand& command,
                           std::size_t recipients_before);
  void take_back_recipient();

  // The tracking log: what was refused, of a transaction or of one message (refusals.cc)
  void track_refused(const smtp::Command& command, const smtp::Reply& reply) const;
  void track_refused(const Incoming& incoming, const smtp::Reply& reply) const;

  // Quotas: after MAIL and RCPT were done, what may still take them back (quota.cc)
  Task<Answer> check_sender_quota(Answer taken);
  Task<Answer> check_recipient_quota(Answer taken, std::size_t recipients_before);
  Task<std::optional<std::uint64_t>> ask_usage(std::string socket, Guid mailbox);
  std::optional<smtp::Reply> check_size(std::size_t bytes) const;

  // Messages (message.cc)
  Task<Result<>> receive_data();
  Task<Result<>> receive_chunk(smtp::BdatCommand command);
  template <class Reader>
  Task<Result<>> read_content(Reader& reader, bool (*done)(const Reader&));
  Task<Result<>> finish_message(smtp::ContentFault fault);
  std::optional<smtp::Reply> check_header(const HeaderScan& scan) const;
  HeaderScan scan() const;
  // Whether a user may write From and Sender so, and what is missing of them (submission.cc)
  std::optional<smtp::Reply> check_author(const HeaderScan& scan, Incoming& incoming) const;
  Envelope make_envelope() const;
  Incoming make_incoming(const HeaderScan& scan);
  bool is_binary() const { return transaction_.mail.body == smtp::BodyType::kBinaryMime; }
  void apply_firewall(const HeaderScan& scan, std::string& message) const;
  // One answer, or in LMTP one for each recipient that was taken.
  Task<Result<>> say_of_message(smtp::Reply reply);
  Task<Result<>> say_each(std::vector<smtp::Reply> replies);
  Task<Result<>> refuse_message(Incoming incoming, smtp::Reply reply);
  Task<Result<>> hand_over_each(Incoming incoming);

  Stream& stream_;
  link::SessionStart start_;  // EHLO may change `hello` and `extended`
  Services& services_;
  std::shared_ptr<const ReceiveConnector> connector_;  // null only while it is looked for
  bool gone_ = false;                                  // there is no such connector any more
  ReceiveLimits limits_;
  Rights rights_;
  std::unique_ptr<FilterSession> filter_;  // null: nothing to ask
  ProtocolTrail trail_;                    // of the dialogue, where the connector keeps it
  smtp::LineInput input_;
  std::string out_;  // replies not yet written
  State state_ = State::kReady;
  Transaction transaction_;
  std::string message_;
  std::optional<smtp::ChunkReader> chunks_;
  std::size_t errors_ = 0;
  std::size_t junk_ = 0;
  std::size_t messages_ = 0;
  std::chrono::steady_clock::time_point began_;
};

}  // namespace hauspost::transport
