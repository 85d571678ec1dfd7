package api

import "net/http"

// notifyRoutes is notices: everybody's inbox and preferences, and the channels
// and the delivery log of administrators.
func (a *API) notifyRoutes() []route {
	get, post, put, del := http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	created := http.StatusCreated
	return []route{
		{get, "/v1/notices", "listNotices", signedIn, nil, 0, none, 0, do(a.listNotices)},
		{post, "/v1/notices/read", "readNotices", signedIn, nil, small, asks, 0, do(a.readNotices)},
		{get, "/v1/notices/preferences", "getNoticePreferences", signedIn, nil, 0, none, 0, do(a.noticePreferences)},
		{put, "/v1/notices/preferences", "putNoticePreferences", signedIn, nil, small, asks, 0, do(a.putNoticePreferences)},
		{get, "/v1/notice-channels", "listNoticeChannels", "notice.write", nil, 0, none, 0, do(a.noticeChannels)},
		{post, "/v1/notice-channels", "createNoticeChannel", "notice.write", nil, small, domain, created, do(a.createNoticeChannel)},
		{put, "/v1/notice-channels/{id}", "putNoticeChannel", "notice.write", nil, small, domain, 0, do(a.putNoticeChannel)},
		{del, "/v1/notice-channels/{id}", "deleteNoticeChannel", "notice.write", nil, 0, domain, 0, do(a.deleteNoticeChannel)},
		{post, "/v1/notice-channels/{id}/test", "testNoticeChannel", "notice.write", nil, 0, asks, 0, do(a.testNoticeChannel)},
		{get, "/v1/notice-deliveries", "listNoticeDeliveries", "notice.write", nil, 0, none, 0, do(a.noticeDeliveries)},
		{post, "/v1/notice-deliveries/{id}/retry", "retryNoticeDelivery", "notice.write", nil, 0, asks, 0, do(a.retryNoticeDelivery)},
	}
}
