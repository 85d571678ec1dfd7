package api

import (
	"context"
	"reflect"

	"sphera/internal/notify"
)

type noticesInput struct {
	PageInput
	Unread bool `query:"unread"`
}

type noticesAnswer struct {
	Answer
	Notices []notify.Item `json:"notices"`
	Unread  int           `json:"unread"`
	Next    string        `json:"next,omitempty"`
}

func (a *API) listNotices(ctx context.Context, in *noticesInput) (*noticesAnswer, error) {
	list, unread, next, err := a.notices.Inbox(ctx, who(ctx).ID, in.Unread, in.From, in.limit(50, 200))
	return &noticesAnswer{Notices: list, Unread: unread, Next: next}, err
}

type readNoticesInput struct {
	Body struct {
		IDs []string `json:"ids,omitempty" maxItems:"200" doc:"All when absent"`
	} `nameHint:"ReadNotices"`
}

func (a *API) readNotices(ctx context.Context, in *readNoticesInput) (*Answer, error) {
	return &Answer{}, a.notices.MarkRead(ctx, who(ctx).ID, in.Body.IDs)
}

type noticePreferencesAnswer struct {
	Answer
	Preferences notify.Preferences `json:"preferences"`
	Kinds       []notify.Kind      `json:"kinds" doc:"What can be set, with its default"`
	Mail        bool               `json:"mail" doc:"Whether the portal sends mail"`
}

func (a *API) noticePreferences(ctx context.Context, _ *struct{}) (*noticePreferencesAnswer, error) {
	p, err := a.notices.Preferences(ctx, who(ctx).ID)
	return &noticePreferencesAnswer{Preferences: p, Kinds: notify.Kinds(), Mail: a.courier.Mail.Address != ""}, err
}

type putNoticePreferencesInput struct {
	Body notify.Preferences `nameHint:"NoticePreferences"`
}

func (a *API) putNoticePreferences(ctx context.Context, in *putNoticePreferencesInput) (*noticePreferencesAnswer, error) {
	if err := a.notices.SetPreferences(ctx, who(ctx).ID, in.Body); err != nil {
		return nil, err
	}
	return a.noticePreferences(ctx, nil)
}

type noticeChannelsAnswer struct {
	Answer
	Channels []notify.Channel `json:"channels"`
}

func (a *API) noticeChannels(ctx context.Context, _ *struct{}) (*noticeChannelsAnswer, error) {
	list, err := a.courier.Channels(ctx)
	return &noticeChannelsAnswer{Channels: list}, err
}

type noticeChannelInput struct {
	Body notify.ChannelBody `nameHint:"NoticeChannelBody"`
}

type noticeChannelAnswer struct {
	Answer
	Channel notify.Channel `json:"channel"`
}

func (a *API) createNoticeChannel(ctx context.Context, in *noticeChannelInput) (*noticeChannelAnswer, error) {
	ch, err := a.courier.PutChannel(ctx, "", in.Body, who(ctx).User)
	return &noticeChannelAnswer{Channel: ch}, err
}

type noticeChannelPut struct {
	ID   string             `path:"id" maxLength:"100"`
	Body notify.ChannelBody `nameHint:"NoticeChannelBody"`
}

func (a *API) putNoticeChannel(ctx context.Context, in *noticeChannelPut) (*noticeChannelAnswer, error) {
	ch, err := a.courier.PutChannel(ctx, in.ID, in.Body, who(ctx).User)
	return &noticeChannelAnswer{Channel: ch}, err
}

func (a *API) deleteNoticeChannel(ctx context.Context, in *idPath) (*Answer, error) {
	return &Answer{}, a.courier.DeleteChannel(ctx, in.ID, who(ctx).User)
}

type noticeTestAnswer struct {
	Answer
	Status string `json:"status" doc:"What came of it"`
}

func (a *API) testNoticeChannel(ctx context.Context, in *idPath) (*noticeTestAnswer, error) {
	status, err := a.courier.Test(ctx, in.ID)
	return &noticeTestAnswer{Status: status}, err
}

type noticeDeliveriesInput struct {
	PageInput
	State string `query:"state" enum:"waiting,sent,failed"`
}

type noticeDeliveriesAnswer struct {
	Answer
	Deliveries []notify.Delivery `json:"deliveries"`
	Next       string            `json:"next,omitempty"`
}

func (a *API) noticeDeliveries(ctx context.Context, in *noticeDeliveriesInput) (*noticeDeliveriesAnswer, error) {
	list, next, err := a.courier.Deliveries(ctx, in.State, in.From, in.limit(50, 200))
	return &noticeDeliveriesAnswer{Deliveries: list, Next: next}, err
}

func (a *API) retryNoticeDelivery(ctx context.Context, in *idPath) (*Answer, error) {
	return &Answer{}, a.courier.Retry(ctx, in.ID)
}

// noticeNames are the names that the types of notices have in the document.
func noticeNames() map[reflect.Type]string {
	return map[reflect.Type]string{
		reflect.TypeFor[notify.Item]():        "Notice",
		reflect.TypeFor[notify.Kind]():        "NoticeKind",
		reflect.TypeFor[notify.Preferences](): "NoticePreferences",
		reflect.TypeFor[notify.Channel]():     "NoticeChannel",
		reflect.TypeFor[notify.ChannelBody](): "NoticeChannelBody",
		reflect.TypeFor[notify.Delivery]():    "NoticeDelivery",
	}
}
