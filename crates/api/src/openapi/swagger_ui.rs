//! The page that shows the OpenAPI document.

use salvo::oapi::swagger_ui::SwaggerUi;
use salvo::{Depot, FlowCtrl, Handler, Request, Response, Router, Writer, async_trait};

use crate::error::ApiError;
use crate::error::id::ErrorId;

/// What the page consists of; the first is the page itself.
const FILES: [&str; 4] =
    ["", "swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js"];

/// Serves the page and its files from within the program, and nothing else.
///
/// Asked for any other file, Swagger UI itself would write the address into the log.
struct Page(SwaggerUi);

#[async_trait]
impl Handler for Page {
    async fn handle(
        &self,
        req: &mut Request,
        depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        if FILES.contains(&req.params().tail().unwrap_or_default()) {
            self.0.handle(req, depot, res, ctrl).await;
        } else {
            ApiError::new(ErrorId::NotFound).write(req, depot, res).await;
        }
    }
}

/// `GET /docs/`, to which `/docs` leads.
pub(crate) fn page() -> Router {
    let page = SwaggerUi::new("../openapi.json").title("Menshen");
    Router::with_path("docs/{**}").get(Page(page))
}
