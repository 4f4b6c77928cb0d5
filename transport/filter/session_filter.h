// SessionFilter: what the filters of this node say in one SMTP session.
#pragma once

#include "transport/filter/client_checks.h"
#include "transport/filter/dns_lists.h"
#include "transport/filter/engine.h"
#include "transport/filter/milter_chain.h"
#include "transport/receive/hand_over.h"

namespace hauspost::transport {

class SessionFilter final : public FilterSession {
 public:
  SessionFilter(FilterEngine& engine, std::shared_ptr<const FilterSettings> settings,
                const FilterClient& client);
  ~SessionFilter() override { note_refused(); }  // who hangs up says no RSET
  SessionFilter(const SessionFilter&) = delete;
  SessionFilter& operator=(const SessionFilter&) = delete;

  Task<std::optional<smtp::Reply>> on_mail(const smtp::MailCommand& mail) override;
  Task<std::optional<smtp::Reply>> on_rcpt(const smtp::RcptCommand& rcpt,
                                           const TakenRecipient& taken) override;
  Task<std::optional<smtp::Reply>> on_message(Incoming& incoming) override;
  void on_reset() override;

 private:
  // A refusal and the filter whose it is.
  struct Refusal {
    smtp::Reply reply;
    std::string filter;
  };
  WallTime now() const { return engine_.services().clock.now(); }
  const std::string& address() const { return client_.start.client_address; }

  std::optional<Refusal> check_sender() const;
  std::optional<Refusal> check_addresses(const std::string& recipient) const;
  Task<std::optional<Refusal>> check_lists(const std::string& recipient);
  std::optional<Refusal> check_score() const;
  std::optional<Refusal> check_greylist(const std::string& recipient);
  Task<std::optional<Refusal>> check_stranger(const std::string& recipient);
  Task<void> look_at_client();
  std::optional<smtp::Reply> refuse(Refusal refusal, std::string_view recipient,
                                    const Incoming* message = nullptr);

  Task<std::optional<smtp::Reply>> ask_milters(Incoming& incoming);
  void change_envelope(Incoming& incoming, const std::vector<milter::Answer>& changes);
  Task<std::optional<smtp::Reply>> hold_back(Incoming& incoming, std::string source,
                                             std::string reason);
  void note_deed(bool bad);
  void note_refused();

  FilterEngine& engine_;
  std::shared_ptr<const FilterSettings> settings_;
  FilterClient client_;
  bool user_ = false;
  bool allowed_ = false;  // the allow list has the address
  std::optional<ClientScore> score_;
  std::optional<std::optional<Listed>> listed_;  // once asked
  MilterChain milters_;
  // Of the transaction
  std::string sender_;
  std::vector<std::string> recipients_;
  bool refused_ = false;  // a recipient, for what the client is
};

}  // namespace hauspost::transport
