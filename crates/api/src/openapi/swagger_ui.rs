//! Swagger UI page for the OpenAPI document.

use salvo::oapi::swagger_ui::SwaggerUi;
use salvo::{Depot, FlowCtrl, Handler, Request, Response, Router, Writer, async_trait};

use crate::error::ApiError;
use crate::error::id::ErrorId;

/// Files of the page; the first is the page itself.
const FILES: [&str; 4] =
    ["", "swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js"];

/// Handler that serves the page and its files from memory.
///
/// Other paths are answered here, because Swagger UI would log the requested path.
struct SwaggerPage(SwaggerUi);

#[async_trait]
impl Handler for SwaggerPage {
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

/// Returns the route of `GET /docs/`. `/docs` redirects to it.
pub(crate) fn swagger_ui() -> Router {
    let ui = SwaggerUi::new("../openapi.json").title("Menshen");
    Router::with_path("docs/{**}").get(SwaggerPage(ui))
}
